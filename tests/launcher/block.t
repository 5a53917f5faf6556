#!/bin/sh
# The block device: every request, and what goes wrong with them.
suite=block
. "$(dirname "$0")/suite.sh"
