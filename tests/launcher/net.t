#!/bin/sh
# The network device, in a network namespace of its own (needs root).
suite=net
. "$(dirname "$0")/suite.sh"
