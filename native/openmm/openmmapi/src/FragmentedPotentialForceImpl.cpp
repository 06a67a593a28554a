#include "internal/FragmentedPotentialForceImpl.h"
#include "CorrectionEvaluator.h"
#include "openmm/Platform.h"
#include "openmm/internal/ContextImpl.h"
#include <algorithm>
#include <cstdlib>
#include <thread>

using namespace PluginBridge;
using namespace OpenMM;
using namespace std;

int FragmentedPotentialForceImpl::chooseThreads(ContextImpl& context) const {
    if (owner.getNumThreads() > 0)
        return owner.getNumThreads();
    const Platform& platform = context.getPlatform();
    const auto& properties = platform.getPropertyNames();
    if (find(properties.begin(), properties.end(), "Threads") != properties.end()) {
        int threads = atoi(platform.getPropertyValue(context.getOwner(), "Threads").c_str());
        if (threads > 0)
            return threads;
    }
    return max(1, static_cast<int>(thread::hardware_concurrency()));
}

FragmentedPotentialForceImpl::~FragmentedPotentialForceImpl() = default;

const FragmentedPotentialForce& FragmentedPotentialForceImpl::getOwner() const {
    return owner;
}

void FragmentedPotentialForceImpl::updateContextState(ContextImpl&, bool&) {
    // This force does not change positions, velocities or parameters.
}

map<string, double> FragmentedPotentialForceImpl::getDefaultParameters() {
    return {{owner.getLambdaName(), owner.getDefaultLambda()}};
}

vector<pair<int, int>> FragmentedPotentialForceImpl::getBondedParticles() const {
    vector<int> particles(owner.getNumAtoms());
    for (int i = 0; i < owner.getNumAtoms(); i++) {
        int atomicNumber, residue;
        string name;
        bool inRegion;
        owner.getAtom(i, particles[i], atomicNumber, name, residue, inRegion);
    }
    vector<pair<int, int>> bonded(owner.getNumBonds());
    for (int i = 0; i < owner.getNumBonds(); i++) {
        int atom1, atom2;
        owner.getBond(i, atom1, atom2);
        bonded[i] = {particles.at(atom1), particles.at(atom2)};
    }
    return bonded;
}

bool FragmentedPotentialForceImpl::isIncluded(int groups) const {
    return (groups & (1 << owner.getForceGroup())) != 0;
}

double FragmentedPotentialForceImpl::computeCorrectionEnergy(ContextImpl& context) {
    vector<Vec3> positions;
    context.getPositions(positions);
    Vec3 box[3];
    context.getPeriodicBoxVectors(box[0], box[1], box[2]);
    return evaluator->evaluate(positions, box, false);
}

void FragmentedPotentialForceImpl::computeUncertainty(ContextImpl& context, double& energySpread,
                                                      vector<double>& forceSpreads,
                                                      vector<double>& forceErrors) {
    vector<Vec3> positions;
    context.getPositions(positions);
    Vec3 box[3];
    context.getPeriodicBoxVectors(box[0], box[1], box[2]);
    energySpread = evaluator->evaluateUncertainty(positions, box, forceSpreads, forceErrors);
}
