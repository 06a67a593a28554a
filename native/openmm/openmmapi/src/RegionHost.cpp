#include "RegionHost.h"
#include "Refusal.h"
#include "openmm/CustomNonbondedForce.h"
#include "openmm/NonbondedForce.h"
#include "openmm/OpenMMException.h"
#include "openmm/Platform.h"
#include <cmath>
#include <limits>
#include <map>
#include <typeinfo>

using namespace OpenMM;
using namespace std;

namespace PluginBridge {

namespace {

Vec3 findNearestImage(Vec3 displacement, const Vec3* box) {
    for (int k = 2; k >= 0; k--)
        displacement -= box[k] * nearbyint(displacement[k] / box[k][k]);
    return displacement;
}

bool isImplicitSolvent(const Force& force) {
    const string type = typeid(force).name(); // AMOEBA's classes are in a plugin, so no cast
    for (const char* name :
         {"GBSAOBCForce", "CustomGBForce", "AmoebaGeneralizedKirkwoodForce", "AmoebaWcaDispersionForce"})
        if (type.find(name) != string::npos)
            return true;
    return false;
}

/** E_host(region alone) is in vacuo and has no cutoff, as what the model puts in its place is and has. */
void checkIsInVacuo(const System& system) {
    const string advice = "; make the region's System without a cutoff (nonbondedMethod=NoCutoff)";
    for (int i = 0; i < system.getNumForces(); i++) {
        const Force& force = system.getForce(i);
        if (isImplicitSolvent(force))
            refuse("the region's System has an implicit solvent (" + force.getName() +
                   "), which would take the region's solvation away from the host; leave this force out, as "
                   "createRegionSystem does");
        if (dynamic_cast<const FragmentedPotentialForce*>(&force) != nullptr)
            refuse("the region's System has a FragmentedPotentialForce; it must be that of the host's force "
                   "field");
        if (force.usesPeriodicBoundaryConditions())
            refuse("the region's System has a periodic force (" + force.getName() + ")" + advice);
        auto nonbonded = dynamic_cast<const NonbondedForce*>(&force);
        auto custom = dynamic_cast<const CustomNonbondedForce*>(&force);
        if ((nonbonded != nullptr && nonbonded->getNonbondedMethod() != NonbondedForce::NoCutoff) ||
            (custom != nullptr && custom->getNonbondedMethod() != CustomNonbondedForce::NoCutoff))
            refuse("the region's System has a non-bonded force with a cutoff (" + force.getName() + ")" +
                   advice);
    }
}

} // namespace

RegionHost::RegionHost(const FragmentedPotentialForce& force, const Platform& hostPlatform, int threads)
    : system(force.getRegionSystem()), integrator(0.001) {
    for (int i = 0; i < force.getNumAtoms(); i++) {
        int particle, atomicNumber, residue;
        string name;
        bool inRegion;
        force.getAtom(i, particle, atomicNumber, name, residue, inRegion);
        if (inRegion) {
            atoms.push_back(i);
            isHeavy.push_back(atomicNumber > 1);
        }
    }
    if (system->getNumParticles() != static_cast<int>(atoms.size()))
        refuse("the region's System has " + to_string(system->getNumParticles()) +
               " particles, but the region has " + to_string(atoms.size()) +
               " atoms: it must have the region's atoms, in their order, and nothing else");
    checkIsInVacuo(*system);
    positions.resize(atoms.size());
    findMolecules(force);
    createContext(hostPlatform, threads);
}

void RegionHost::createContext(const Platform& hostPlatform, int threads) {
    // Reference stays in double precision throughout; elsewhere CPU is the faster one, where it has the
    // force.
    bool useReference = hostPlatform.getName() == "Reference";
    string reason;
    for (const char* name : {"CPU", "Reference"}) {
        if (useReference && string(name) == "CPU")
            continue;
        try {
            Platform& platform = Platform::getPlatformByName(name);
            map<string, string> properties;
            if (string(name) == "CPU")
                properties["Threads"] = to_string(threads);
            context = make_unique<Context>(*system, integrator, platform, properties);
            return;
        } catch (const OpenMMException& error) {
            reason = error.what();
        }
    }
    refuse("no Context of the region's System can be made: " + reason);
}

void RegionHost::findMolecules(const FragmentedPotentialForce& force) {
    vector<int> particleOfAtom(force.getNumAtoms(), -1);
    for (size_t i = 0; i < atoms.size(); i++)
        particleOfAtom[atoms[i]] = i;
    vector<vector<int>> bonded(atoms.size());
    for (int i = 0; i < force.getNumBonds(); i++) {
        int atom1, atom2;
        force.getBond(i, atom1, atom2);
        int a = particleOfAtom.at(atom1), b = particleOfAtom.at(atom2);
        if ((a >= 0) != (b >= 0))
            refuse("the region cuts a molecule, between " + force.describeAtom(atom1) + " and " +
                   force.describeAtom(atom2) +
                   "; with a System of the region alone it must be complete molecules");
        if (a >= 0) {
            bonded[a].push_back(b);
            bonded[b].push_back(a);
        }
    }
    vector<bool> isFound(atoms.size(), false);
    for (size_t root = 0; root < atoms.size(); root++) {
        if (isFound[root])
            continue;
        vector<pair<int, int>> molecule = {{static_cast<int>(root), static_cast<int>(root)}};
        isFound[root] = true;
        for (size_t next = 0; next < molecule.size(); next++)
            for (int other : bonded[molecule[next].first])
                if (!isFound[other]) {
                    isFound[other] = true;
                    molecule.push_back({other, molecule[next].first});
                }
        molecules.push_back(molecule);
        vector<int> touching;
        for (const auto& [particle, parent] : molecule)
            if (isHeavy[particle])
                touching.push_back(particle);
        if (touching.empty())
            for (const auto& [particle, parent] : molecule)
                touching.push_back(particle);
        contactParticles.push_back(touching);
    }
}

void RegionHost::makeWhole(const Vec3* box) {
    for (const auto& molecule : molecules)
        for (const auto& [particle, parent] : molecule)
            positions[particle] =
                positions[parent] + findNearestImage(positions[particle] - positions[parent], box);
    joinMolecules(box);
}

void RegionHost::joinMolecules(const Vec3* box) {
    // Prim's tree over the molecules, as the library has it: both see one arrangement of the images.
    const size_t count = molecules.size();
    vector<bool> isPlaced(count, false);
    vector<double> distance(count, numeric_limits<double>::infinity());
    vector<Vec3> shift(count);
    size_t latest = 0;
    for (size_t step = 1; step < count; step++) {
        isPlaced[latest] = true;
        size_t closest = count;
        for (size_t m = 0; m < count; m++) {
            if (isPlaced[m])
                continue;
            for (int i : contactParticles[latest])
                for (int j : contactParticles[m]) {
                    Vec3 apart = positions[j] - positions[i];
                    Vec3 nearest = findNearestImage(apart, box);
                    if (nearest.dot(nearest) < distance[m]) {
                        distance[m] = nearest.dot(nearest);
                        shift[m] = nearest - apart;
                    }
                }
            if (closest == count || distance[m] < distance[closest])
                closest = m;
        }
        latest = closest;
        for (const auto& [particle, parent] : molecules[latest])
            positions[particle] += shift[latest];
    }
}

double RegionHost::subtract(const vector<double>& atomPositions, const Vec3* boxVectors, double* atomForces) {
    for (size_t i = 0; i < atoms.size(); i++)
        positions[i] = Vec3(atomPositions[3 * atoms[i]], atomPositions[3 * atoms[i] + 1],
                            atomPositions[3 * atoms[i] + 2]);
    if (boxVectors != nullptr)
        makeWhole(boxVectors);
    context->setPositions(positions);
    State state = context->getState(State::Energy | (atomForces == nullptr ? 0 : State::Forces));
    if (atomForces != nullptr) {
        const vector<Vec3>& forces = state.getForces();
        for (size_t i = 0; i < atoms.size(); i++)
            for (int k = 0; k < 3; k++)
                atomForces[3 * atoms[i] + k] -= forces[i][k];
    }
    return state.getPotentialEnergy();
}

} // namespace PluginBridge
