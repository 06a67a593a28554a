# Interface target with the warnings that our own C and C++ code compiles without.
add_library(pluginbridge_warnings INTERFACE)
target_compile_options(pluginbridge_warnings INTERFACE -Wall -Wextra -Werror)
