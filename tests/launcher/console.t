#!/bin/sh
# The console: both ways, slow and closed ends, a terminal.
suite=console
. "$(dirname "$0")/suite.sh"
