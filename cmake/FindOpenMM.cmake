# OpenMM's headers and library: target OpenMM::OpenMM.
# Set OPENMM_DIR (variable or environment) where OpenMM is not in a system folder, e.g. to a conda environment.
set(OPENMM_DIR "$ENV{OPENMM_DIR}" CACHE PATH "Where OpenMM is installed, if not in a system folder")
find_path(OpenMM_INCLUDE_DIR OpenMM.h HINTS "${OPENMM_DIR}" PATH_SUFFIXES include)
find_library(OpenMM_LIBRARY OpenMM HINTS "${OPENMM_DIR}" PATH_SUFFIXES lib)
mark_as_advanced(OpenMM_INCLUDE_DIR OpenMM_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenMM REQUIRED_VARS OpenMM_LIBRARY OpenMM_INCLUDE_DIR)

if(OpenMM_FOUND AND NOT TARGET OpenMM::OpenMM)
    add_library(OpenMM::OpenMM SHARED IMPORTED)
    set_target_properties(OpenMM::OpenMM PROPERTIES
        IMPORTED_LOCATION "${OpenMM_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${OpenMM_INCLUDE_DIR}")
endif()
