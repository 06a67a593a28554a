using System.Runtime.InteropServices;

namespace PluginBridge.Exports;

/// <summary><c>pb_model_info</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbModelInfo
{
    internal nuint StructSize;
    internal byte* Name;
    internal byte* Hash;
    internal byte* Target;
    internal byte* BaseForceField;
    internal byte* ReferenceMethod;
    internal double Cutoff;
}

/// <summary><c>pb_ensemble_info</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PbEnsembleInfo
{
    internal nuint StructSize;
    internal long MemberCount;
    internal int IsCalibrated;
    internal int Reserved;
    internal double ErrorFloor;
    internal double ErrorScale;
}

/// <summary><c>pb_host_terms</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbHostTerms
{
    internal nuint StructSize;
    internal long BondCount;
    internal int* BondAtoms;
    internal double* BondParameters;
    internal long AngleCount;
    internal int* AngleAtoms;
    internal double* AngleParameters;
    internal long TorsionCount;
    internal int* TorsionAtoms;
    internal int* TorsionPeriodicities;
    internal double* TorsionParameters;
    internal long RbTorsionCount;
    internal int* RbTorsionAtoms;
    internal double* RbTorsionParameters;
    internal long CmapCount;
    internal int* CmapSizes;
    internal double* CmapEnergies;
    internal long CmapTorsionCount;
    internal int* CmapTorsions;
    internal double* Nonbonded;
    internal long ExceptionCount;
    internal int* ExceptionAtoms;
    internal double* ExceptionParameters;
    internal long ConstraintCount;
    internal int* ConstraintAtoms;
}

/// <summary><c>pb_system_spec</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbSystemSpec
{
    internal nuint StructSize;
    internal long AtomCount;
    internal int* AtomicNumbers;
    internal long BondCount;
    internal int* Bonds;
    internal long RegionCount;
    internal int* Region;
    internal int TotalCharge;
    internal int UnpairedElectrons;
    internal long ResidueCount;
    internal int* AtomResidues;
    internal byte** ResidueNames;
    internal byte** ResidueNumbers;
    internal byte** ResidueChains;
    internal byte** AtomNames;
    internal int Scheme;
    internal PbHostTerms* HostTerms;
    internal double PairInner;
    internal double PairOuter;
}

/// <summary><c>pb_cap</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PbCap
{
    internal int Anchor;
    internal int Replaced;
    internal double Length;
    internal int IsBorder;
    internal int Reserved;
}

/// <summary><c>pb_fragment_info</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbFragmentInfo
{
    internal nuint StructSize;
    internal double Coefficient;
    internal int Charge;
    internal int UnpairedElectrons;
    internal byte* Label;
    internal long AtomCount;
    internal int* Atoms;
    internal long CapCount;
    internal PbCap* Caps;
    internal long ResidueCount;
    internal int* Residues;
}

/// <summary><c>pb_workspace_options</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PbWorkspaceOptions
{
    internal nuint StructSize;
    internal int Threads;
    internal int DoublePrecision;
}

/// <summary><c>pb_uncertainty</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbUncertainty
{
    internal nuint StructSize;
    internal double EnergySpread;
    internal double* ForceSpreads;
    internal double* ForceErrors;
}

/// <summary><c>pb_evaluation_options</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbEvaluationOptions
{
    internal nuint StructSize;
    internal int Quantity;
    internal int Continued;
    internal double* BoxVectors;
    internal long EnvironmentCount;
    internal double* EnvironmentPositions;
    internal double* EnvironmentCharges;
    internal double* EnvironmentForces;
    internal PbUncertainty* Uncertainty;
}

/// <summary><c>pb_trainer_options</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PbTrainerOptions
{
    internal nuint StructSize;
    internal int Threads;
    internal int DoublePrecision;
}

/// <summary><c>pb_tensor_info</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbTensorInfo
{
    internal nuint StructSize;
    internal byte* Name;
    internal long Offset;
    internal long Rows;
    internal long Columns;
}

/// <summary><c>pb_frame_batch</c>, field by field.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PbFrameBatch
{
    internal nuint StructSize;
    internal long FrameCount;
    internal int* AtomCounts;
    internal int* Charges;
    internal int* AtomicNumbers;
    internal double* Positions;
}
