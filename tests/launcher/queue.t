#!/bin/sh
# Bad virtqueues: each is fatal, in one line.
suite=queue
. "$(dirname "$0")/suite.sh"
