// The one file that carries doctest's main; the tests lie in one file for each unit.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
