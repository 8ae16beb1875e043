#!/bin/bash
# The target's side of the torture: writes down that a step began and ended, and whether another one ran meanwhile.
# usage: step.sh LOG [SECONDS]
log=$1
key=${KAFKA_HEALING_KEY:?}
target=${key%%.*}
mkdir "$log.running.$target" 2>/dev/null || echo "overlap $key" >> "$log"
echo "begin $key" >> "$log"
sleep "${2:-0.3}"
echo "end $key" >> "$log"
rmdir "$log.running.$target" 2>/dev/null
exit 0
