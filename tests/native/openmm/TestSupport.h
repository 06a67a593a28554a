#pragma once

#include "FragmentedPotentialForce.h"
#include "openmm/Context.h"
#include "openmm/State.h"
#include "openmm/System.h"
#include "openmm/VerletIntegrator.h"
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

/** What the tests of the OpenMM plugin share. */
namespace test {

/** The only force of a class in a System. */
template <class F> F& findForce(OpenMM::System& system) {
    for (int i = 0; i < system.getNumForces(); i++)
        if (auto force = dynamic_cast<F*>(&system.getForce(i)))
            return *force;
    throw std::runtime_error("the System lacks a force");
}

/** Changes every parameter of a System's force field, and adds kinds of terms that ff14SB does not have. */
void changeForceField(OpenMM::System& system);

/** A System that make_fixtures.py wrote, with its FragmentedPotentialForce (force group 1) added. */
struct Fixture {
    /** @param name  "peptide", "pair" or "water" */
    explicit Fixture(const std::string& name);

    /** The only force of a class in the System. */
    template <class F> F& findForce() { return test::findForce<F>(*system); }

    std::unique_ptr<OpenMM::System> system;
    PluginBridge::FragmentedPotentialForce* force;
    std::vector<OpenMM::Vec3> positions;
};

/** A Context with positions and the integrator that it needs. */
struct Simulation {
    Simulation(const Fixture& fixture, OpenMM::Platform& platform);
    Simulation(const OpenMM::System& system, const std::vector<OpenMM::Vec3>& positions,
               OpenMM::Platform& platform);
    /** Energy of force groups, kJ/mol. */
    double getEnergy(int groups = -1) const;
    /** Forces of force groups, kJ/mol/nm. */
    std::vector<OpenMM::Vec3> getForces(int groups = -1) const;
    /** A new lambda under its default name. */
    void setLambda(double lambda);

    OpenMM::VerletIntegrator integrator;
    OpenMM::Context context;
};

/** Bit of the fixtures' FragmentedPotentialForce, and of everything else. */
const int ourGroup = 1 << 1, hostGroups = ~ourGroup;

/** Path of a file that make_fixtures.py wrote. */
std::string findFixture(const std::string& file);

/** Fails unless |actual - expected| <= tolerance. */
void requireClose(double actual, double expected, double tolerance, const std::string& what);

/** Fails unless all components agree within tolerance. */
void requireClose(const std::vector<OpenMM::Vec3>& actual, const std::vector<OpenMM::Vec3>& expected,
                  double tolerance, const std::string& what);

void require(bool condition, const std::string& what);

/** Fails unless action throws an OpenMMException whose message contains all parts. */
void requireThrows(const std::function<void()>& action, const std::vector<std::string>& parts);

/** Whether a platform keeps positions, and adds up our forces, in double precision; GPU platforms do not by
 * default. */
bool isDouble(const OpenMM::Platform& platform);

/** A relative tolerance, no smaller than what the platform's precision allows. */
double loosen(double tolerance, const OpenMM::Platform& platform);

/** Largest component. */
double findLargest(const std::vector<OpenMM::Vec3>& forces);

struct Test {
    std::string name;
    std::function<void(OpenMM::Platform&)> body;
};

/** main() of a test program: loads OpenMM's plugins and ours, and runs all tests on the platform named by
 * argv[1]. */
int run(int argc, char* argv[], const std::vector<Test>& tests);

} // namespace test
