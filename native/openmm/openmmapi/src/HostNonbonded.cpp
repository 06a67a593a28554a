#include "HostNonbonded.h"
#include "Refusal.h"
#include <array>
#include <cmath>
#include <map>

using namespace OpenMM;
using namespace std;

namespace PluginBridge {

namespace {

using Pair = pair<int, int>;

/** One NonbondedForce among the atoms. */
struct Contribution {
    vector<array<double, 3>> particles;
    map<Pair, array<double, 3>> exceptions;
    bool hasCharges = false, hasLennardJones = false;

    /** Charge product, sigma, epsilon of a pair: its exception, or the combination rules. */
    array<double, 3> getPair(Pair pair) const {
        auto exception = exceptions.find(pair);
        if (exception != exceptions.end())
            return exception->second;
        const auto &a = particles[pair.first], &b = particles[pair.second];
        return {a[0] * b[0], 0.5 * (a[1] + b[1]), sqrt(a[2] * b[2])};
    }
};

void checkMethod(const NonbondedForce& nonbonded) {
    auto method = nonbonded.getNonbondedMethod();
    if (method == NonbondedForce::CutoffNonPeriodic || method == NonbondedForce::CutoffPeriodic)
        refuse("the System's NonbondedForce uses a plain cutoff with a reaction field, so it does not "
               "contain the full "
               "Coulomb energy of the region that the model replaces. Use PME (periodic) or NoCutoff");
    if (!nonbonded.getIncludeDirectSpace())
        refuse("the System's NonbondedForce leaves out its direct-space part (setIncludeDirectSpace(false)), "
               "so the "
               "region's non-bonded energy that the model replaces is not in it");
}

void checkOffsets(const NonbondedForce& nonbonded, const FragmentedPotentialForce& force,
                  const ParticleMap& particles) {
    string parameter;
    double charge, sigma, epsilon;
    for (int i = 0; i < nonbonded.getNumParticleParameterOffsets(); i++) {
        int particle;
        nonbonded.getParticleParameterOffset(i, parameter, particle, charge, sigma, epsilon);
        if (particles.isInRegion.at(particle))
            refuse("the System's NonbondedForce changes the parameters of " +
                   force.describeAtom(particles.atom[particle]) + " with the Context parameter '" +
                   parameter + "' (particle parameter offset); the model replaces fixed parameters only");
    }
    for (int i = 0; i < nonbonded.getNumExceptionParameterOffsets(); i++) {
        int exception, particle1, particle2;
        double chargeProd;
        nonbonded.getExceptionParameterOffset(i, parameter, exception, charge, sigma, epsilon);
        nonbonded.getExceptionParameters(exception, particle1, particle2, chargeProd, sigma, epsilon);
        if (particles.isInRegion.at(particle1) && particles.isInRegion.at(particle2))
            refuse("the System's NonbondedForce changes the exception between " +
                   force.describeAtom(particles.atom[particle1]) + " and " +
                   force.describeAtom(particles.atom[particle2]) + " with the Context parameter '" +
                   parameter + "' (exception parameter offset); the model replaces fixed parameters only");
    }
}

Contribution read(const NonbondedForce& nonbonded, int numAtoms, const vector<int>& atomOfParticle) {
    Contribution result;
    result.particles.resize(numAtoms);
    for (size_t particle = 0; particle < atomOfParticle.size(); particle++) {
        if (atomOfParticle[particle] < 0)
            continue;
        auto& [charge, sigma, epsilon] = result.particles[atomOfParticle[particle]];
        nonbonded.getParticleParameters(particle, charge, sigma, epsilon);
        result.hasCharges |= charge != 0;
        result.hasLennardJones |= epsilon != 0;
    }
    for (int i = 0; i < nonbonded.getNumExceptions(); i++) {
        int particle1, particle2;
        double chargeProd, sigma, epsilon;
        nonbonded.getExceptionParameters(i, particle1, particle2, chargeProd, sigma, epsilon);
        int a = atomOfParticle.at(particle1), b = atomOfParticle.at(particle2);
        if (a < 0 || b < 0)
            continue;
        result.exceptions[{min(a, b), max(a, b)}] = {chargeProd, sigma, epsilon};
        result.hasCharges |= chargeProd != 0;
        result.hasLennardJones |= epsilon != 0;
    }
    return result;
}

/** The charges of one force with the Lennard-Jones parameters of the other. */
Contribution merge(const Contribution& a, const Contribution& b) {
    if ((a.hasCharges && b.hasCharges) || (a.hasLennardJones && b.hasLennardJones))
        refuse("two NonbondedForces of the System give charges, or Lennard-Jones parameters, to the same "
               "atoms; what "
               "they add up to cannot be expressed as one set of parameters");
    const Contribution& charges = a.hasCharges ? a : b;
    const Contribution& lennardJones = a.hasCharges ? b : a;
    Contribution result = lennardJones;
    for (size_t i = 0; i < result.particles.size(); i++)
        result.particles[i][0] = charges.particles[i][0];
    for (const auto* source : {&charges, &lennardJones})
        for (const auto& exception : source->exceptions) {
            auto parameters = lennardJones.getPair(exception.first);
            parameters[0] = charges.getPair(exception.first)[0];
            result.exceptions[exception.first] = parameters;
        }
    result.hasCharges = result.hasLennardJones = true;
    return result;
}

} // namespace

void checkNonbonded(const System& system, const FragmentedPotentialForce& force) {
    ParticleMap particles(system, force);
    for (int i = 0; i < system.getNumForces(); i++) {
        auto nonbonded = dynamic_cast<const NonbondedForce*>(&system.getForce(i));
        if (nonbonded == nullptr)
            continue;
        checkMethod(*nonbonded);
        checkOffsets(*nonbonded, force, particles);
    }
}

HostNonbonded::HostNonbonded(const System& system, const FragmentedPotentialForce& force,
                             const ParticleMap& particles) {
    bool found = false;
    Contribution sum;
    for (int i = 0; i < system.getNumForces(); i++) {
        auto nonbonded = dynamic_cast<const NonbondedForce*>(&system.getForce(i));
        if (nonbonded == nullptr)
            continue;
        checkOffsets(*nonbonded, force, particles);
        Contribution next = read(*nonbonded, force.getNumAtoms(), particles.atom);
        bool hasNone = !next.hasCharges && !next.hasLennardJones;
        if (!hasNone)
            checkMethod(*nonbonded);
        if (!found || (!sum.hasCharges && !sum.hasLennardJones))
            sum = next;
        else if (!hasNone)
            sum = merge(sum, next);
        found = true;
    }
    if (!found)
        return;
    for (const auto& particle : sum.particles)
        particleParameters.insert(particleParameters.end(), particle.begin(), particle.end());
    for (const auto& exception : sum.exceptions) {
        exceptionAtoms.insert(exceptionAtoms.end(), {exception.first.first, exception.first.second});
        exceptionParameters.insert(exceptionParameters.end(), exception.second.begin(),
                                   exception.second.end());
    }
}

} // namespace PluginBridge
