#!/bin/bash
# A step that writes its arguments down as they came: arguments-step.sh FILE [--] ARGUMENT…
file=$1
shift
[ "$1" = -- ] && shift
printf '%s\0' "$@" > "$file.new" && mv "$file.new" "$file"
