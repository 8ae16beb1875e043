#!/bin/bash
# Steps that do not behave. usage: hostile-step.sh LOG grandchild|setsid|flood|slow
# Each writes down that it began and how far it came, with the key of its step.
log=$1
echo "begin ${KAFKA_HEALING_KEY:?}" >> "$log"
case $2 in
  # The program ends; a grandchild that ignores SIGTERM lives on with its output open.
  grandchild)
    trap '' TERM
    (sleep 600; :) &
    ;;
  # Leaves its process group, closes what it got, ignores SIGTERM and outlives every limit, as its parent would.
  setsid)
    setsid --fork bash -c "trap '' TERM; sleep 600" < /dev/null > /dev/null 2>&1
    sleep 600
    ;;
  flood)
    head -c 50000000 /dev/zero | tr '\0' x
    echo the last words
    exit 7
    ;;
  slow) sleep 3 ;;
esac
echo "end $KAFKA_HEALING_KEY" >> "$log"
