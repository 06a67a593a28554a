#ifndef OPENMM_FRAGMENTEDPOTENTIALFORCE_H_
#define OPENMM_FRAGMENTEDPOTENTIALFORCE_H_

#include "internal/windowsExportPluginBridge.h"
#include "openmm/Context.h"
#include "openmm/Force.h"
#include "openmm/System.h"
#include <memory>
#include <string>
#include <vector>

namespace PluginBridge {

/**
 * Lifts a region of the System (usually the protein) from its classical force field to a quantum-chemical
 * level:
 *
 *     E = E_host + lambda * sum_f c_f * delta(f),      delta(f) = E_QM(f) - E_base(f)
 *
 * The force is added to the System and computes the second term; every other force stays as it is. The
 * fragments f follow from the scheme, E_QM - E_base from the model (a network file or a quantum-chemical
 * program). E_base is what the System itself computes inside the region: with setUseHostTerms(true), the
 * default, the System's own bonded and non-bonded forces are read when a Context is created, and are
 * subtracted (absolute potentials) or compared with the force field that the network corrects, which throws
 * an OpenMMException naming the first atom or term that differs.
 *
 * What is read: HarmonicBondForce, HarmonicAngleForce, PeriodicTorsionForce, RBTorsionForce,
 * CMAPTorsionForce, NonbondedForce, constraints. E_base has no cutoff, so NonbondedForces with a plain cutoff
 * or a reaction field are refused; NoCutoff, Ewald, PME and LJPME are right up to the region's interaction
 * with its own periodic images and the Lennard-Jones tail. Custom bonds, angles, torsions and external forces
 * count as restraints: they act on top. Implicit solvent also acts on top. Non-bonded forces that cannot be
 * read but act inside the region (CustomNonbondedForce, AMOEBA, Drude, ...) are refused.
 *
 * A host on any other force field (CHARMM, AMOEBA, ...): setRegionSystem() hands over the region alone on
 * that force field, and
 *
 *     E = E_host + lambda * (E_region - E_host(region alone)),    E_region = E_ff14SB + sum_f c_f * delta(f)
 *
 * so lambda leads from the host's own force field to the model. Nothing is read from the System then.
 *
 * Atoms: add every atom of the molecules that the region touches (not the water around them), with the
 * particle that each one is, and mark those of the region. Methods that take an atom mean the index returned
 * by addAtom(), not the particle. Positions are those of the Context; with
 * setUsesPeriodicBoundaryConditions(true) atoms may lie in any periodic image.
 *
 * lambda is a Context parameter (getLambdaName()). At 0 nothing is evaluated unless
 * setAddLambdaDerivative(true) asks for dE/dlambda.
 */
class OPENMM_EXPORT_PLUGINBRIDGE FragmentedPotentialForce : public OpenMM::Force {
public:
    /** How the region is divided into fragments; see pb_scheme. */
    enum Scheme {
        /** One fragment: the region as one graph. */
        Whole = 0,
        /** Dipeptides minus the ACE-NME pieces that neighbours share. */
        Dipeptide = 1,
        /** Windows of two residues minus single ones. */
        Window2 = 2,
        /** Windows of three residues minus windows of two. */
        Window3 = 3,
        /** Window2, and pairs of residues in contact. */
        Window2Pairs = 4,
        /** Window3, and pairs of residues in contact. */
        Window3Pairs = 5
    };

    /**
     * @param model  a shipped model's name ("visnet-gfn2"), a model file's path (a network's, or the JSON
     * file of an ensemble of networks, whose mean is used), or a built-in potential: "gfn2-xtb", "ff14sb"
     * (zero correction)
     */
    explicit FragmentedPotentialForce(const std::string& model);

    /** The default of getLambdaName(): "FragmentedPotentialForce_lambda". */
    static const std::string& DefaultLambdaName();

    /** A scheme's name: "whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs". */
    static const std::string& getSchemeName(Scheme scheme);

    /** The scheme of a name; throws an OpenMMException that lists the names. */
    static Scheme findScheme(const std::string& name);

    /**
     * SHA-256 of a model's file in lower-case hex, "" for built-in potentials.
     * @param model  as in the constructor; loaded if need be
     */
    static std::string computeModelHash(const std::string& model);

    const std::string& getModel() const;
    void setModel(const std::string& model);

    /** The model file's expected SHA-256 in lower-case hex; "" (default): any. */
    const std::string& getModelHash() const;

    /** Refuse the model, when a Context is created, if its file has another SHA-256. */
    void setModelHash(const std::string& hash);

    Scheme getScheme() const;
    void setScheme(Scheme scheme);

    /** Radii between which pairs fade out, nm; 0 and 0 (default): the library's own. */
    void getPairRadii(double& inner, double& outer) const;

    /** Set the radii of schemes with pairs; others ignore them. */
    void setPairRadii(double inner, double outer);

    /** Name of the Context parameter lambda. */
    const std::string& getLambdaName() const;

    /** Give two forces different names to scale them separately. */
    void setLambdaName(const std::string& name);

    /** lambda in a new Context; 1 unless set. */
    double getDefaultLambda() const;
    void setDefaultLambda(double lambda);

    /** Whether States offer dE/dlambda as an energy parameter derivative. */
    bool getAddLambdaDerivative() const;

    /**
     * Offer dE/dlambda (= the correction's energy) as an energy parameter derivative. It is then evaluated at
     * lambda = 0 too. Platforms: Reference and CPU; elsewhere use getCorrectionEnergy().
     */
    void setAddLambdaDerivative(bool add);

    /** False (default): the region's charge is the sum over its residue templates. */
    bool hasTotalCharge() const;

    /** Charge of the region (e) as set; 0 if it comes from the templates. */
    int getTotalCharge() const;

    /** Set the charge of the region (e). Needed without residues; one that disagrees with the templates is
     * refused. */
    void setTotalCharge(int charge);

    /** Take the charge of the region from its residue templates (default). */
    void setTotalChargeFromTemplates();

    /** Unpaired electrons of the region; 0 unless set. */
    int getNumUnpairedElectrons() const;
    void setNumUnpairedElectrons(int number);

    /** Threads of one evaluation; 0 (default): the platform's "Threads" property, or all processors. */
    int getNumThreads() const;
    void setNumThreads(int threads);

    /** Whether networks are evaluated in double precision; false unless set. */
    bool getUseDoublePrecision() const;
    void setUseDoublePrecision(bool use);

    /** Whether E_base comes from, or is checked against, the System's own forces; true unless set. */
    bool getUseHostTerms() const;

    /** False: trust that the System is on the library's own force field (ff14SB). Nothing is read or checked.
     */
    void setUseHostTerms(bool use);

    /** The region alone on the host's force field; empty (default) if the host is on the library's own. */
    std::shared_ptr<const OpenMM::System> getRegionSystem() const;

    /**
     * Hand over the region alone on the force field of the host, in place of which the model comes.
     * @param system  the region's atoms as particles, in the order of addAtom(), and nothing else; the host's
     *                forces between them, without a cutoff or an implicit solvent, with the same
     *                constraints. The region must be complete molecules. Shared, not copied. Its terms
     *                are not compared with the host's, which the Python package does: one that differs
     *                stays in the sum
     */
    void setRegionSystem(std::shared_ptr<const OpenMM::System> system);

    bool usesPeriodicBoundaryConditions() const override;

    /** Whether distances inside the region are taken to the nearest periodic image; false unless set. */
    void setUsesPeriodicBoundaryConditions(bool periodic);

    int getNumResidues() const;

    /**
     * Add a residue. All schemes but Whole need residues, and so does whatever relies on residue templates.
     * @param name    e.g. "HIE" or "HIS": the protonation is recognised by its atoms
     * @param number  as printed, with insertion code
     * @param chain   chain identifier
     * @return the residue's index
     */
    int addResidue(const std::string& name, const std::string& number, const std::string& chain);
    void getResidue(int index, std::string& name, std::string& number, std::string& chain) const;
    void setResidue(int index, const std::string& name, const std::string& number, const std::string& chain);

    int getNumAtoms() const;

    /**
     * Add an atom.
     * @param particle      index of the particle in the System
     * @param atomicNumber  1 for H, ...
     * @param name          (optional without residues) atom name, e.g. "CA"
     * @param residue       index of its residue, -1 if there are no residues
     * @param inRegion      whether it is at the quantum-chemical level; residues are in or out as a whole
     * @return the atom's index
     */
    int addAtom(int particle, int atomicNumber, const std::string& name = "", int residue = -1,
                bool inRegion = true);
    void getAtom(int index, int& particle, int& atomicNumber, std::string& name, int& residue,
                 bool& inRegion) const;
    void setAtom(int index, int particle, int atomicNumber, const std::string& name, int residue,
                 bool inRegion);

    /** An atom for error messages: "CA of GLY 5, chain A (particle 74)". */
    std::string describeAtom(int index) const;

    int getNumBonds() const;

    /**
     * Add a covalent bond.
     * @param atom1  index of an atom as returned by addAtom()
     * @param atom2  likewise
     * @return the bond's index
     */
    int addBond(int atom1, int atom2);
    void getBond(int index, int& atom1, int& atom2) const;
    void setBond(int index, int atom1, int atom2);

    /**
     * dE/dlambda at a Context's positions (kJ/mol), whatever lambda is: sum_f c_f * delta(f), or, with
     * setRegionSystem(), E_region - E_host(region alone). Works on all platforms.
     * @param context  made from a System that contains this force
     */
    double getCorrectionEnergy(OpenMM::Context& context);

    /**
     * How far the members of an ensemble are apart at a Context's positions, for lambda = 1, whatever lambda
     * is: a force with a default lambda of 0 costs nothing but this call. Works on all platforms; takes the
     * time of one network per member. Throws an OpenMMException if the model is no ensemble.
     * @param context       made from a System that contains this force
     * @param energySpread  receives the standard deviation of the members' energies, kJ/mol
     * @param forceSpreads  receives, for each atom in the order of addAtom(),
     * sqrt(sum_m |F_m - F|^2 / (n - 1)), kJ/mol/nm; zero for atoms that take no part
     * @param forceErrors   receives the expected error of each atom's force by the model's calibration,
     * kJ/mol/nm; empty if the model has none
     */
    void getUncertainty(OpenMM::Context& context, double& energySpread, std::vector<double>& forceSpreads,
                        std::vector<double>& forceErrors);

protected:
    OpenMM::ForceImpl* createImpl() const override;

private:
    struct Residue {
        std::string name, number, chain;
    };
    struct Atom {
        int particle, atomicNumber;
        std::string name;
        int residue;
        bool inRegion;
    };
    struct Bond {
        int atom1, atom2;
    };
    std::string model, modelHash;
    Scheme scheme;
    double pairInner, pairOuter;
    std::string lambdaName;
    double defaultLambda;
    bool addLambdaDerivative, chargeIsSet;
    int totalCharge, numUnpairedElectrons, numThreads;
    bool useDoublePrecision, useHostTerms, periodic;
    std::shared_ptr<const OpenMM::System> regionSystem;
    std::vector<Residue> residues;
    std::vector<Atom> atoms;
    std::vector<Bond> bonds;
};

} // namespace PluginBridge

#endif
