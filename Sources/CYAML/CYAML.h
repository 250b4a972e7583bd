#ifndef COOP_CYAML_H
#define COOP_CYAML_H

/// libyaml (pyyaml.org/wiki/LibYAML), the parser behind most readers of YAML.
#include <yaml.h>

#endif
