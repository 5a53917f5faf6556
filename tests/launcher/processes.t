#!/bin/sh
# What is left behind: threads, processes, the terminal.
suite=processes
. "$(dirname "$0")/suite.sh"
