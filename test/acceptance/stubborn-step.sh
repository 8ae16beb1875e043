#!/bin/bash
# A step that does not end when asked to. usage: stubborn-step.sh PIDFILE
trap '' TERM
echo $$ > "$1"
sleep 4
rm -f "$1"
