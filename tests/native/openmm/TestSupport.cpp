#include "TestSupport.h"
#include "openmm/CMAPTorsionForce.h"
#include "openmm/HarmonicAngleForce.h"
#include "openmm/HarmonicBondForce.h"
#include "openmm/NonbondedForce.h"
#include "openmm/OpenMMException.h"
#include "openmm/PeriodicTorsionForce.h"
#include "openmm/Platform.h"
#include "openmm/RBTorsionForce.h"
#include "openmm/serialization/XmlSerializer.h"
#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

using namespace OpenMM;
using namespace std;

namespace test {

void changeForceField(System& system) {
    auto& bonds = findForce<HarmonicBondForce>(system);
    for (int i = 0; i < bonds.getNumBonds(); i++) {
        int p1, p2;
        double length, k;
        bonds.getBondParameters(i, p1, p2, length, k);
        bonds.setBondParameters(i, p1, p2, 1.02 * length, 0.9 * k);
    }
    auto& angles = findForce<HarmonicAngleForce>(system);
    for (int i = 0; i < angles.getNumAngles(); i++) {
        int p1, p2, p3;
        double angle, k;
        angles.getAngleParameters(i, p1, p2, p3, angle, k);
        angles.setAngleParameters(i, p1, p2, p3, 0.97 * angle, 1.2 * k);
    }
    auto& torsions = findForce<PeriodicTorsionForce>(system);
    auto* rbTorsions = new RBTorsionForce();
    for (int i = 0; i < torsions.getNumTorsions(); i++) {
        int p1, p2, p3, p4, periodicity;
        double phase, k;
        torsions.getTorsionParameters(i, p1, p2, p3, p4, periodicity, phase, k);
        torsions.setTorsionParameters(i, p1, p2, p3, p4, periodicity % 3 + 1, phase + 0.3, 1.5 * k);
        if (i % 5 == 0)
            rbTorsions->addTorsion(p1, p2, p3, p4, 0.5, -1.0, 2.0, 0.3, -0.2, 0.1);
    }
    system.addForce(rbTorsions);
    auto& nonbonded = findForce<NonbondedForce>(system);
    for (int i = 0; i < nonbonded.getNumParticles(); i++) {
        double charge, sigma, epsilon;
        nonbonded.getParticleParameters(i, charge, sigma, epsilon);
        nonbonded.setParticleParameters(i, 0.8 * charge + 0.05, 0.95 * sigma, 1.3 * epsilon);
    }
    for (int i = 0; i < nonbonded.getNumExceptions(); i++) {
        int p1, p2;
        double chargeProd, sigma, epsilon;
        nonbonded.getExceptionParameters(i, p1, p2, chargeProd, sigma, epsilon);
        nonbonded.setExceptionParameters(i, p1, p2, 0.7 * chargeProd, 1.03 * sigma, 0.8 * epsilon);
    }
    auto* cmap = new CMAPTorsionForce();
    const int size = 24;
    vector<double> energy;
    for (int i = 0; i < size * size; i++)
        energy.push_back(sin(2 * M_PI * (i % size) / size) + 0.5 * cos(2 * M_PI * (i / size) / size));
    cmap->addMap(size, energy);
    int p[8], periodicity;
    double phase, k;
    torsions.getTorsionParameters(0, p[0], p[1], p[2], p[3], periodicity, phase, k);
    torsions.getTorsionParameters(torsions.getNumTorsions() / 2, p[4], p[5], p[6], p[7], periodicity, phase,
                                  k);
    cmap->addTorsion(0, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
    system.addForce(cmap);
}

Fixture::Fixture(const string& name) {
    ifstream systemXml(findFixture(name + ".system.xml"));
    require(systemXml.good(),
            "no " + findFixture(name + ".system.xml") + ": the test openmm-fixtures makes it");
    system.reset(XmlSerializer::deserialize<System>(systemXml));
    ifstream forceXml(findFixture(name + ".force.xml"));
    force =
        dynamic_cast<PluginBridge::FragmentedPotentialForce*>(XmlSerializer::deserialize<Force>(forceXml));
    require(force != nullptr, "the XML's type makes a FragmentedPotentialForce");
    force->setModel(findFixture(force->getModel()));
    system->addForce(force);
    ifstream file(findFixture(name + ".positions.txt"));
    double x, y, z;
    while (file >> x >> y >> z)
        positions.push_back(Vec3(x, y, z));
    require(static_cast<int>(positions.size()) == system->getNumParticles(), "positions of all particles");
}

Simulation::Simulation(const Fixture& fixture, Platform& platform)
    : Simulation(*fixture.system, fixture.positions, platform) {}

Simulation::Simulation(const System& system, const vector<Vec3>& positions, Platform& platform)
    : integrator(0.0005), context(system, integrator, platform) {
    context.setPositions(positions);
}

double Simulation::getEnergy(int groups) const {
    return context.getState(State::Energy, false, groups).getPotentialEnergy();
}

vector<Vec3> Simulation::getForces(int groups) const {
    return context.getState(State::Forces, false, groups).getForces();
}

void Simulation::setLambda(double lambda) {
    context.setParameter(PluginBridge::FragmentedPotentialForce::DefaultLambdaName(), lambda);
}

string findFixture(const string& file) {
    return string(PB_TEST_FIXTURES) + "/" + file;
}

void require(bool condition, const string& what) {
    if (!condition)
        throw runtime_error(what);
}

void requireClose(double actual, double expected, double tolerance, const string& what) {
    if (fabs(actual - expected) <= tolerance)
        return;
    ostringstream text;
    text.precision(17);
    text << what << ": " << actual << ", expected " << expected << " +- " << tolerance;
    throw runtime_error(text.str());
}

void requireClose(const vector<Vec3>& actual, const vector<Vec3>& expected, double tolerance,
                  const string& what) {
    require(actual.size() == expected.size(), what + ": number of vectors");
    for (size_t i = 0; i < actual.size(); i++)
        for (int k = 0; k < 3; k++)
            requireClose(actual[i][k], expected[i][k], tolerance, what + ", particle " + to_string(i));
}

void requireThrows(const function<void()>& action, const vector<string>& parts) {
    string message;
    try {
        action();
    } catch (const OpenMMException& error) {
        message = error.what();
        for (const auto& part : parts)
            require(message.find(part) != string::npos,
                    "'" + part + "' is missing in the message: " + message);
        return;
    }
    throw runtime_error("no OpenMMException; expected one with '" + parts.at(0) + "'");
}

bool isDouble(const Platform& platform) {
    return platform.getName() == "Reference" || platform.getName() == "CPU";
}

double loosen(double tolerance, const Platform& platform) {
    return isDouble(platform) ? tolerance : max(tolerance, 2e-5);
}

double findLargest(const vector<Vec3>& forces) {
    double largest = 0;
    for (const auto& force : forces)
        for (int k = 0; k < 3; k++)
            largest = max(largest, fabs(force[k]));
    return largest;
}

int run(int argc, char* argv[], const vector<Test>& tests) {
    int failed = 0;
    try {
        require(argc == 2, "usage: test PLATFORM");
        Platform::loadPluginsFromDirectory(PB_TEST_OPENMM_PLUGINS);
        Platform::loadPluginLibrary(PB_TEST_PLUGIN);
        Platform& platform = Platform::getPlatformByName(argv[1]);
        for (const auto& test : tests) {
            try {
                test.body(platform);
                cout << "passed  " << test.name << endl;
            } catch (const exception& error) {
                failed++;
                cout << "FAILED  " << test.name << ": " << error.what() << endl;
            }
        }
        cout << tests.size() - failed << " of " << tests.size() << " passed on " << platform.getName()
             << endl;
    } catch (const exception& error) {
        cout << error.what() << endl;
        return 1;
    }
    return failed == 0 && !tests.empty() ? 0 : 1;
}

} // namespace test
