#include "CorrectionEvaluator.h"
#include "HostNonbonded.h"
#include "HostTerms.h"
#include "ModelCache.h"
#include "RegionSpec.h"
#include <optional>

using namespace OpenMM;
using namespace std;

namespace PluginBridge {

namespace {

pb_system* createSystem(const pb_model& model, const RegionSpec& region,
                        const FragmentedPotentialForce& force, const System& system) {
    optional<HostTerms> hostTerms;
    pb_host_terms terms;
    if (force.getUseHostTerms() && !force.getRegionSystem()) {
        bool isAbsolute = getModelInfo(model).base_force_field == nullptr;
        hostTerms.emplace(system, force, isAbsolute);
        terms = hostTerms->view();
    }
    pb_system_spec spec = region.view(hostTerms ? &terms : nullptr);
    pb_system* handle = nullptr;
    throwOnError(pb_system_create(&model, &spec, &handle));
    return handle;
}

pb_workspace* createWorkspace(const pb_system& system, const FragmentedPotentialForce& force, int threads) {
    pb_workspace_options options = {};
    options.struct_size = sizeof(options);
    options.threads = threads;
    options.double_precision = force.getUseDoublePrecision() ? 1 : 0;
    pb_workspace* handle = nullptr;
    throwOnError(pb_workspace_create(&system, &options, &handle));
    return handle;
}

} // namespace

CorrectionEvaluator::CorrectionEvaluator(const FragmentedPotentialForce& force, const System& hostSystem,
                                         const Platform& platform, int threads)
    : periodic(force.usesPeriodicBoundaryConditions()), started(false), system(nullptr, pb_system_free),
      workspace(nullptr, pb_workspace_free) {
    RegionSpec region(force, hostSystem);
    particles = region.getParticles();
    model = loadModel(force.getModel(), force.getModelHash());
    system.reset(createSystem(*model, region, force, hostSystem));
    workspace.reset(createWorkspace(*system, force, threads));
    if (force.getRegionSystem()) {
        checkNonbonded(hostSystem, force);
        regionHost = make_unique<RegionHost>(force, platform, threads);
    }
    atomPositions.resize(3 * particles.size());
    atomForces.resize(3 * particles.size());
}

double CorrectionEvaluator::evaluate(const vector<Vec3>& positions, const Vec3* boxVectors, bool wantForces) {
    return evaluate(positions, boxVectors, wantForces ? atomForces.data() : nullptr, nullptr);
}

double CorrectionEvaluator::evaluateUncertainty(const vector<Vec3>& positions, const Vec3* boxVectors,
                                                vector<double>& forceSpreads, vector<double>& forceErrors) {
    pb_ensemble_info info = {};
    info.struct_size = sizeof(info);
    throwOnError(pb_model_get_ensemble(model.get(), &info));
    forceSpreads.resize(particles.size());
    forceErrors.resize(info.is_calibrated != 0 ? particles.size() : 0);
    pb_uncertainty uncertainty = {};
    uncertainty.struct_size = sizeof(uncertainty);
    uncertainty.force_spreads = forceSpreads.data();
    uncertainty.force_errors = forceErrors.empty() ? nullptr : forceErrors.data();
    evaluate(positions, boxVectors, nullptr, &uncertainty);
    return uncertainty.energy_spread;
}

double CorrectionEvaluator::evaluate(const vector<Vec3>& positions, const Vec3* boxVectors, double* forces,
                                     pb_uncertainty* uncertainty) {
    for (size_t i = 0; i < particles.size(); i++)
        for (int k = 0; k < 3; k++)
            atomPositions[3 * i + k] = positions[particles[i]][k];
    double box[9];
    pb_evaluation_options options = {};
    options.struct_size = sizeof(options);
    options.quantity = regionHost ? PB_QUANTITY_TOTAL : PB_QUANTITY_CORRECTION;
    if (periodic) {
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                box[3 * i + k] = boxVectors[i][k];
        options.box_vectors = box;
    }
    options.uncertainty = uncertainty;
    // What the user has set has to be whole; what integrators and minimisers make of it may be anything.
    options.continued = started ? 1 : 0;
    double energy = 0;
    throwOnError(pb_evaluate(workspace.get(), atomPositions.data(), &options, &energy, forces, nullptr));
    started = true;
    if (regionHost && uncertainty == nullptr)
        energy -= regionHost->subtract(atomPositions, periodic ? boxVectors : nullptr, forces);
    return energy;
}

const vector<int>& CorrectionEvaluator::getParticles() const {
    return particles;
}

Vec3 CorrectionEvaluator::getForce(int atom) const {
    return Vec3(atomForces[3 * atom], atomForces[3 * atom + 1], atomForces[3 * atom + 2]);
}

} // namespace PluginBridge
