#!/bin/sh
# --chroot and --username (needs root).
suite=privileges
. "$(dirname "$0")/suite.sh"
