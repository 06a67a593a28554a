#include "RegionSpec.h"
#include "Refusal.h"
#include <numeric>
#include <set>

using namespace OpenMM;
using namespace std;

namespace PluginBridge {

namespace {

vector<const char*> getTexts(const vector<string>& strings) {
    vector<const char*> texts;
    for (const auto& text : strings)
        texts.push_back(text.c_str());
    return texts;
}

/** Number of connected parts of the bond graph. */
int countMolecules(int numAtoms, const vector<int32_t>& bonds) {
    vector<int> parent(numAtoms);
    iota(parent.begin(), parent.end(), 0);
    auto find = [&](int i) {
        while (parent[i] != i)
            i = parent[i] = parent[parent[i]];
        return i;
    };
    int number = numAtoms;
    for (size_t i = 0; i + 1 < bonds.size(); i += 2) {
        int a = find(bonds[i]), b = find(bonds[i + 1]);
        if (a != b) {
            parent[a] = b;
            number--;
        }
    }
    return number;
}

} // namespace

RegionSpec::RegionSpec(const FragmentedPotentialForce& force, const System& system)
    : totalCharge(force.hasTotalCharge() ? force.getTotalCharge() : PB_CHARGE_FROM_TEMPLATES),
      numUnpairedElectrons(force.getNumUnpairedElectrons()), scheme(force.getScheme()) {
    force.getPairRadii(pairInner, pairOuter);
    readResidues(force);
    readAtoms(force, system);
    readBonds(force);
    checkImages(force, system);
}

void RegionSpec::readResidues(const FragmentedPotentialForce& force) {
    for (int i = 0; i < force.getNumResidues(); i++) {
        string name, number, chain;
        force.getResidue(i, name, number, chain);
        residueNames.push_back(name);
        residueNumbers.push_back(number);
        residueChains.push_back(chain);
    }
    residueNameTexts = getTexts(residueNames);
    residueNumberTexts = getTexts(residueNumbers);
    residueChainTexts = getTexts(residueChains);
}

void RegionSpec::readAtoms(const FragmentedPotentialForce& force, const System& system) {
    if (force.getNumAtoms() == 0)
        refuse("it has no atoms; add those of the region's molecules with addAtom()");
    set<int> seen;
    for (int i = 0; i < force.getNumAtoms(); i++) {
        int particle, atomicNumber, residue;
        string name;
        bool inRegion;
        force.getAtom(i, particle, atomicNumber, name, residue, inRegion);
        string description = force.describeAtom(i);
        if (particle < 0 || particle >= system.getNumParticles())
            refuse(description + ": the System has particles 0 to " +
                   to_string(system.getNumParticles() - 1));
        if (!seen.insert(particle).second)
            refuse(description + " is the same particle as an atom before it");
        if (system.isVirtualSite(particle))
            refuse(description + " is a virtual site; only real atoms can belong to the region's molecules");
        if (atomicNumber < 1 || atomicNumber > 118)
            refuse(description + " has atomic number " + to_string(atomicNumber));
        if (force.getNumResidues() > 0 && (residue < 0 || residue >= force.getNumResidues()))
            refuse(description + " belongs to residue " + to_string(residue) + ", but residues are 0 to " +
                   to_string(force.getNumResidues() - 1));
        if (force.getNumResidues() == 0 && residue != -1)
            refuse(description + " belongs to residue " + to_string(residue) +
                   ", but the force has no residues");
        particles.push_back(particle);
        atomicNumbers.push_back(atomicNumber);
        atomNames.push_back(name);
        atomResidues.push_back(residue);
        if (inRegion)
            region.push_back(i);
    }
    if (region.empty())
        refuse("none of its atoms is in the region");
    atomNameTexts = getTexts(atomNames);
}

void RegionSpec::readBonds(const FragmentedPotentialForce& force) {
    for (int i = 0; i < force.getNumBonds(); i++) {
        int atom1, atom2;
        force.getBond(i, atom1, atom2);
        for (int atom : {atom1, atom2})
            if (atom < 0 || atom >= force.getNumAtoms())
                refuse("bond " + to_string(i) + " has atom " + to_string(atom) + ", but atoms are 0 to " +
                       to_string(force.getNumAtoms() - 1));
        bonds.insert(bonds.end(), {atom1, atom2});
    }
}

/** OpenMM may put separate molecules of a periodic System into different images (barostats do). */
void RegionSpec::checkImages(const FragmentedPotentialForce& force, const System& system) const {
    if (!force.usesPeriodicBoundaryConditions() && system.usesPeriodicBoundaryConditions() &&
        countMolecules(particles.size(), bonds) > 1)
        refuse("the System is periodic and the atoms belong to several molecules, which may come to lie in "
               "different "
               "periodic images; call setUsesPeriodicBoundaryConditions(true)");
}

pb_system_spec RegionSpec::view(const pb_host_terms* hostTerms) const {
    pb_system_spec spec = {};
    spec.struct_size = sizeof(spec);
    spec.atom_count = particles.size();
    spec.atomic_numbers = atomicNumbers.data();
    spec.bond_count = bonds.size() / 2;
    spec.bonds = bonds.data();
    if (region.size() < particles.size()) {
        spec.region_count = region.size();
        spec.region = region.data();
    }
    spec.total_charge = totalCharge;
    spec.unpaired_electrons = numUnpairedElectrons;
    if (!residueNames.empty()) {
        spec.residue_count = residueNames.size();
        spec.atom_residues = atomResidues.data();
        spec.residue_names = residueNameTexts.data();
        spec.residue_numbers = residueNumberTexts.data();
        spec.residue_chains = residueChainTexts.data();
        spec.atom_names = atomNameTexts.data();
    }
    spec.scheme = scheme;
    spec.host_terms = hostTerms;
    spec.pair_inner = pairInner;
    spec.pair_outer = pairOuter;
    return spec;
}

const vector<int>& RegionSpec::getParticles() const {
    return particles;
}

} // namespace PluginBridge
