#!/bin/sh
# What the Launcher leaves in memory before the Guest starts.
suite=boot
. "$(dirname "$0")/suite.sh"
