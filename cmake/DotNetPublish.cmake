# pluginbridge_dotnet_publish(<project.csproj> <output file> BINARY <file in the publish folder> DEPENDS <sources>
#                             [PROPERTIES <Name=Value>...] [AFTER <output file>])
#
# Custom command that compiles a .NET project ahead of time and puts its binary at <output file>. Publishing writes
# into one folder of intermediate files, so AFTER puts commands in a row.

find_program(DOTNET_EXECUTABLE dotnet)
if(NOT DOTNET_EXECUTABLE)
    message(FATAL_ERROR "dotnet was not found: install the .NET 10 SDK, or set DOTNET_EXECUTABLE")
endif()

function(pluginbridge_dotnet_publish project output)
    cmake_parse_arguments(arg "" "BINARY;AFTER" "DEPENDS;PROPERTIES" ${ARGN})
    list(TRANSFORM arg_PROPERTIES PREPEND "-p:")
    cmake_path(GET output FILENAME name)
    cmake_path(GET output PARENT_PATH folder)
    set(published "${PLUGINBRIDGE_OUTPUT_DIR}/dotnet/publish/${name}")
    add_custom_command(OUTPUT "${output}"
        COMMAND "${CMAKE_COMMAND}" -E env DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
            "${DOTNET_EXECUTABLE}" publish "${project}" --configuration Release --verbosity quiet -nodeReuse:false
            --artifacts-path "${PLUGINBRIDGE_OUTPUT_DIR}/dotnet" --output "${published}" ${arg_PROPERTIES}
        # A new file in place of the old one: processes that have the old library mapped keep it.
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${folder}"
        COMMAND "${CMAKE_COMMAND}" -E copy "${published}/${arg_BINARY}" "${output}.new"
        COMMAND "${CMAKE_COMMAND}" -E rename "${output}.new" "${output}"
        DEPENDS "${project}" ${arg_DEPENDS} ${arg_AFTER}
        COMMENT "Compiling ${name} ahead of time"
        VERBATIM)
endfunction()
