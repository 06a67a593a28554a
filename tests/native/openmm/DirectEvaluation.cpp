#include "DirectEvaluation.h"
#include "pluginbridge.h"
#include <stdexcept>
#include <string>

using namespace OpenMM;
using namespace std;

namespace test {

namespace {

void check(pb_status status) {
    if (status != PB_OK)
        throw runtime_error(string("C interface: ") + pb_last_error());
}

} // namespace

DirectEvaluation::DirectEvaluation(const PluginBridge::FragmentedPotentialForce& force,
                                   const vector<Vec3>& positions, bool total, const Vec3* boxVectors)
    : energy(0), forces(positions.size()) {
    int numAtoms = force.getNumAtoms(), numResidues = force.getNumResidues(), numBonds = force.getNumBonds();
    vector<int> particles(numAtoms);
    vector<int32_t> elements(numAtoms), atomResidues(numAtoms), bonds(2 * numBonds), region;
    vector<string> names(numAtoms), residueNames(numResidues), numbers(numResidues), chains(numResidues);
    vector<const char*> nameTexts, residueNameTexts, numberTexts, chainTexts;
    for (int i = 0; i < numAtoms; i++) {
        bool inRegion;
        force.getAtom(i, particles[i], elements[i], names[i], atomResidues[i], inRegion);
        nameTexts.push_back(names[i].c_str());
        if (inRegion)
            region.push_back(i);
    }
    for (int i = 0; i < numResidues; i++) {
        force.getResidue(i, residueNames[i], numbers[i], chains[i]);
        residueNameTexts.push_back(residueNames[i].c_str());
        numberTexts.push_back(numbers[i].c_str());
        chainTexts.push_back(chains[i].c_str());
    }
    for (int i = 0; i < numBonds; i++)
        force.getBond(i, bonds[2 * i], bonds[2 * i + 1]);

    pb_system_spec spec = {};
    spec.struct_size = sizeof(spec);
    spec.atom_count = numAtoms;
    spec.atomic_numbers = elements.data();
    spec.bond_count = numBonds;
    spec.bonds = bonds.data();
    spec.region_count = region.size();
    spec.region = region.data();
    spec.total_charge = PB_CHARGE_FROM_TEMPLATES;
    spec.residue_count = numResidues;
    spec.atom_residues = atomResidues.data();
    spec.residue_names = residueNameTexts.data();
    spec.residue_numbers = numberTexts.data();
    spec.residue_chains = chainTexts.data();
    spec.atom_names = nameTexts.data();
    spec.scheme = force.getScheme();
    pb_model* model = nullptr;
    pb_system* system = nullptr;
    pb_workspace* workspace = nullptr;
    check(pb_model_load(force.getModel().c_str(), nullptr, &model));
    check(pb_system_create(model, &spec, &system));
    pb_workspace_options workspaceOptions = {};
    workspaceOptions.struct_size = sizeof(workspaceOptions);
    workspaceOptions.double_precision = force.getUseDoublePrecision() ? 1 : 0;
    check(pb_workspace_create(system, &workspaceOptions, &workspace));

    vector<double> atomPositions, atomForces(3 * numAtoms), box;
    for (int particle : particles)
        for (int k = 0; k < 3; k++)
            atomPositions.push_back(positions[particle][k]);
    pb_evaluation_options options = {};
    options.struct_size = sizeof(options);
    options.quantity = total ? PB_QUANTITY_TOTAL : PB_QUANTITY_CORRECTION;
    if (boxVectors != nullptr) {
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                box.push_back(boxVectors[i][k]);
        options.box_vectors = box.data();
    }
    check(pb_evaluate(workspace, atomPositions.data(), &options, &energy, atomForces.data(), nullptr));
    for (int i = 0; i < numAtoms; i++)
        forces[particles[i]] = Vec3(atomForces[3 * i], atomForces[3 * i + 1], atomForces[3 * i + 2]);
    pb_workspace_free(workspace);
    pb_system_free(system);
    pb_model_free(model);
}

} // namespace test
