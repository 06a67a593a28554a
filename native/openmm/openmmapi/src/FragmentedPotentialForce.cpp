#include "FragmentedPotentialForce.h"
#include "ModelCache.h"
#include "internal/FragmentedPotentialForceImpl.h"
#include "openmm/OpenMMException.h"
#include "openmm/internal/AssertionUtilities.h"
#include "openmm/internal/ContextImpl.h"
#include <array>
#include <utility>

using namespace PluginBridge;
using namespace OpenMM;
using namespace std;

namespace {

const array<string, 6> schemeNames = {"whole",   "dipeptide",     "window2",
                                      "window3", "window2+pairs", "window3+pairs"};

} // namespace

FragmentedPotentialForce::FragmentedPotentialForce(const string& model)
    : model(model), scheme(Whole), pairInner(0), pairOuter(0), lambdaName(DefaultLambdaName()),
      defaultLambda(1.0), addLambdaDerivative(false), chargeIsSet(false), totalCharge(0),
      numUnpairedElectrons(0), numThreads(0), useDoublePrecision(false), useHostTerms(true), periodic(false) {
    setName("FragmentedPotentialForce");
}

const string& FragmentedPotentialForce::DefaultLambdaName() {
    static const string name = "FragmentedPotentialForce_lambda";
    return name;
}

const string& FragmentedPotentialForce::getSchemeName(Scheme scheme) {
    if (scheme < 0 || scheme >= static_cast<int>(schemeNames.size()))
        throw OpenMMException("FragmentedPotentialForce: illegal scheme " +
                              to_string(static_cast<int>(scheme)));
    return schemeNames[scheme];
}

FragmentedPotentialForce::Scheme FragmentedPotentialForce::findScheme(const string& name) {
    string known;
    for (size_t i = 0; i < schemeNames.size(); i++) {
        if (schemeNames[i] == name)
            return static_cast<Scheme>(i);
        known += (i == 0 ? "" : ", ") + schemeNames[i];
    }
    throw OpenMMException("FragmentedPotentialForce: unknown scheme '" + name + "'; known are " + known);
}

string FragmentedPotentialForce::computeModelHash(const string& model) {
    shared_ptr<pb_model> loaded = loadModel(model, "");
    return getModelInfo(*loaded).hash;
}

const string& FragmentedPotentialForce::getModel() const {
    return model;
}

void FragmentedPotentialForce::setModel(const string& model) {
    this->model = model;
}

const string& FragmentedPotentialForce::getModelHash() const {
    return modelHash;
}

void FragmentedPotentialForce::setModelHash(const string& hash) {
    modelHash = hash;
}

FragmentedPotentialForce::Scheme FragmentedPotentialForce::getScheme() const {
    return scheme;
}

void FragmentedPotentialForce::setScheme(Scheme scheme) {
    getSchemeName(scheme);
    this->scheme = scheme;
}

void FragmentedPotentialForce::getPairRadii(double& inner, double& outer) const {
    inner = pairInner;
    outer = pairOuter;
}

void FragmentedPotentialForce::setPairRadii(double inner, double outer) {
    if (!(inner == 0 && outer == 0) && !(inner >= 0 && outer > inner))
        throw OpenMMException("FragmentedPotentialForce: pairs fade out between an inner and a larger outer "
                              "radius; " +
                              to_string(inner) + " and " + to_string(outer) + " nm were given");
    pairInner = inner;
    pairOuter = outer;
}

const string& FragmentedPotentialForce::getLambdaName() const {
    return lambdaName;
}

void FragmentedPotentialForce::setLambdaName(const string& name) {
    if (name.empty())
        throw OpenMMException("FragmentedPotentialForce: the name of the parameter lambda must not be empty");
    lambdaName = name;
}

double FragmentedPotentialForce::getDefaultLambda() const {
    return defaultLambda;
}

void FragmentedPotentialForce::setDefaultLambda(double lambda) {
    defaultLambda = lambda;
}

bool FragmentedPotentialForce::getAddLambdaDerivative() const {
    return addLambdaDerivative;
}

void FragmentedPotentialForce::setAddLambdaDerivative(bool add) {
    addLambdaDerivative = add;
}

bool FragmentedPotentialForce::hasTotalCharge() const {
    return chargeIsSet;
}

int FragmentedPotentialForce::getTotalCharge() const {
    return totalCharge;
}

void FragmentedPotentialForce::setTotalCharge(int charge) {
    chargeIsSet = true;
    totalCharge = charge;
}

void FragmentedPotentialForce::setTotalChargeFromTemplates() {
    chargeIsSet = false;
    totalCharge = 0;
}

int FragmentedPotentialForce::getNumUnpairedElectrons() const {
    return numUnpairedElectrons;
}

void FragmentedPotentialForce::setNumUnpairedElectrons(int number) {
    if (number < 0)
        throw OpenMMException(
            "FragmentedPotentialForce: the number of unpaired electrons must not be negative");
    numUnpairedElectrons = number;
}

int FragmentedPotentialForce::getNumThreads() const {
    return numThreads;
}

void FragmentedPotentialForce::setNumThreads(int threads) {
    if (threads < 0)
        throw OpenMMException("FragmentedPotentialForce: the number of threads must not be negative");
    numThreads = threads;
}

bool FragmentedPotentialForce::getUseDoublePrecision() const {
    return useDoublePrecision;
}

void FragmentedPotentialForce::setUseDoublePrecision(bool use) {
    useDoublePrecision = use;
}

bool FragmentedPotentialForce::getUseHostTerms() const {
    return useHostTerms;
}

void FragmentedPotentialForce::setUseHostTerms(bool use) {
    useHostTerms = use;
}

shared_ptr<const System> FragmentedPotentialForce::getRegionSystem() const {
    return regionSystem;
}

void FragmentedPotentialForce::setRegionSystem(shared_ptr<const System> system) {
    regionSystem = std::move(system);
}

bool FragmentedPotentialForce::usesPeriodicBoundaryConditions() const {
    return periodic;
}

void FragmentedPotentialForce::setUsesPeriodicBoundaryConditions(bool periodic) {
    this->periodic = periodic;
}

int FragmentedPotentialForce::getNumResidues() const {
    return residues.size();
}

int FragmentedPotentialForce::addResidue(const string& name, const string& number, const string& chain) {
    residues.push_back({name, number, chain});
    return residues.size() - 1;
}

void FragmentedPotentialForce::getResidue(int index, string& name, string& number, string& chain) const {
    ASSERT_VALID_INDEX(index, residues);
    name = residues[index].name;
    number = residues[index].number;
    chain = residues[index].chain;
}

void FragmentedPotentialForce::setResidue(int index, const string& name, const string& number,
                                          const string& chain) {
    ASSERT_VALID_INDEX(index, residues);
    residues[index] = {name, number, chain};
}

int FragmentedPotentialForce::getNumAtoms() const {
    return atoms.size();
}

int FragmentedPotentialForce::addAtom(int particle, int atomicNumber, const string& name, int residue,
                                      bool inRegion) {
    atoms.push_back({particle, atomicNumber, name, residue, inRegion});
    return atoms.size() - 1;
}

void FragmentedPotentialForce::getAtom(int index, int& particle, int& atomicNumber, string& name,
                                       int& residue, bool& inRegion) const {
    ASSERT_VALID_INDEX(index, atoms);
    particle = atoms[index].particle;
    atomicNumber = atoms[index].atomicNumber;
    name = atoms[index].name;
    residue = atoms[index].residue;
    inRegion = atoms[index].inRegion;
}

void FragmentedPotentialForce::setAtom(int index, int particle, int atomicNumber, const string& name,
                                       int residue, bool inRegion) {
    ASSERT_VALID_INDEX(index, atoms);
    atoms[index] = {particle, atomicNumber, name, residue, inRegion};
}

string FragmentedPotentialForce::describeAtom(int index) const {
    ASSERT_VALID_INDEX(index, atoms);
    const Atom& atom = atoms[index];
    string text = atom.name.empty() ? "atom " + to_string(index) : atom.name;
    if (atom.residue >= 0 && atom.residue < getNumResidues()) {
        const Residue& residue = residues[atom.residue];
        text += " of " + residue.name + " " + residue.number;
        if (!residue.chain.empty())
            text += ", chain " + residue.chain;
    }
    return text + " (particle " + to_string(atom.particle) + ")";
}

int FragmentedPotentialForce::getNumBonds() const {
    return bonds.size();
}

int FragmentedPotentialForce::addBond(int atom1, int atom2) {
    bonds.push_back({atom1, atom2});
    return bonds.size() - 1;
}

void FragmentedPotentialForce::getBond(int index, int& atom1, int& atom2) const {
    ASSERT_VALID_INDEX(index, bonds);
    atom1 = bonds[index].atom1;
    atom2 = bonds[index].atom2;
}

void FragmentedPotentialForce::setBond(int index, int atom1, int atom2) {
    ASSERT_VALID_INDEX(index, bonds);
    bonds[index] = {atom1, atom2};
}

double FragmentedPotentialForce::getCorrectionEnergy(Context& context) {
    return dynamic_cast<FragmentedPotentialForceImpl&>(getImplInContext(context))
        .computeCorrectionEnergy(getContextImpl(context));
}

void FragmentedPotentialForce::getUncertainty(Context& context, double& energySpread,
                                              vector<double>& forceSpreads, vector<double>& forceErrors) {
    dynamic_cast<FragmentedPotentialForceImpl&>(getImplInContext(context))
        .computeUncertainty(getContextImpl(context), energySpread, forceSpreads, forceErrors);
}

ForceImpl* FragmentedPotentialForce::createImpl() const {
    return new FragmentedPotentialForceImpl(*this);
}
