# Stands in for the CMake package of a Slicer build, so that the extension's own CMake files are run by the tests:
# modules are installed where Slicer looks for them, and what the Extensions Manager shows is written to a file.
set(Slicer_USE_FILE ${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake)
set(Slicer_EXTENSION_GENERATE_CONFIG ${CMAKE_CURRENT_LIST_DIR}/NoConfig.cmake)
set(Slicer_EXTENSION_CPACK ${CMAKE_CURRENT_LIST_DIR}/Metadata.cmake)
