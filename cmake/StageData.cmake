# What is copied rather than compiled: header, model files and the Python package.

configure_file("${CMAKE_SOURCE_DIR}/native/include/pluginbridge.h"
    "${PLUGINBRIDGE_OUTPUT_DIR}/include/pluginbridge.h" COPYONLY)

# Model files and their cards: models/<name>/<name>.safetensors or, for an ensemble, <name>.json and its members;
# models/<name>/README.md with its figures.
file(GLOB model_files CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}/models"
    "${CMAKE_SOURCE_DIR}/models/*/*.safetensors" "${CMAKE_SOURCE_DIR}/models/*/*.json"
    "${CMAKE_SOURCE_DIR}/models/*/*.md" "${CMAKE_SOURCE_DIR}/models/*/*.png")
set(staged_models "")
foreach(file IN LISTS model_files)
    set(staged "${PLUGINBRIDGE_OUTPUT_DIR}/share/pluginbridge/models/${file}")
    add_custom_command(OUTPUT "${staged}"
        COMMAND "${CMAKE_COMMAND}" -E copy "${CMAKE_SOURCE_DIR}/models/${file}" "${staged}"
        DEPENDS "${CMAKE_SOURCE_DIR}/models/${file}"
        COMMENT "Copying model file ${file}" VERBATIM)
    list(APPEND staged_models "${staged}")
endforeach()
add_custom_target(pluginbridge_models ALL DEPENDS ${staged_models})
install(DIRECTORY "${CMAKE_SOURCE_DIR}/models/" DESTINATION "${CMAKE_INSTALL_DATADIR}/pluginbridge/models"
    FILES_MATCHING PATTERN "*.safetensors" PATTERN "*.json" PATTERN "*.md" PATTERN "*.png")

# build/python: the package with the libraries and models, importable with PYTHONPATH alone. Not the first python3 on
# the path but the one that Debian's OpenMM and NumPy are installed for.
set(PLUGINBRIDGE_PYTHON "/usr/bin/python3" CACHE FILEPATH "Python that stages the Python package")
file(GLOB_RECURSE python_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/bindings/python/*.py")
set(python_stamp "${CMAKE_BINARY_DIR}/python.stamp")
add_custom_command(OUTPUT "${python_stamp}"
    COMMAND "${PLUGINBRIDGE_PYTHON}" "${CMAKE_SOURCE_DIR}/bindings/python/stage.py" --build "${PLUGINBRIDGE_OUTPUT_DIR}"
    COMMAND "${CMAKE_COMMAND}" -E touch "${python_stamp}"
    DEPENDS ${python_sources} ${staged_models} pluginbridge ${PLUGINBRIDGE_CORES}
        $<$<TARGET_EXISTS:OpenMMPluginBridge>:OpenMMPluginBridge>
    COMMENT "Staging the Python package" VERBATIM)
add_custom_target(pluginbridge_python ALL DEPENDS "${python_stamp}")
