#!/bin/sh
# Kernels and initrds that can't be loaded: each with its message.
suite=kernel
. "$(dirname "$0")/suite.sh"
