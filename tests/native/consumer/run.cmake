# Installs the build into WORK_DIR/prefix, moves it, builds the consumer against it and runs it.
function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "${ARGN} ended with ${status}:\n${output}")
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}/installed-here")
# Packages are relocatable: no path of the first place may be needed.
file(RENAME "${WORK_DIR}/installed-here" "${WORK_DIR}/prefix")
run("${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${WORK_DIR}/build" -G "${GENERATOR}"
    "-DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/consumer")
message(STATUS "${output}")

# Shipped models came along: each folder of the source tree is found by its name, be it a network or an ensemble.
file(GLOB models "${SOURCE_DIR}/../../../models/*/README.md")
foreach(card IN LISTS models)
    cmake_path(GET card PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    if(NOT output MATCHES "(^|\n)${name}\n")
        message(FATAL_ERROR "The installed library does not list ${name}:\n${output}")
    endif()
endforeach()
