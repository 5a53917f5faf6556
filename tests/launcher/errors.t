#!/bin/sh
# All devices' system calls failing at once.
suite=errors
. "$(dirname "$0")/suite.sh"
