#!/bin/sh
# The life of a Guest and of its devices: status, notifies, death, reboot.
suite=life
. "$(dirname "$0")/suite.sh"
