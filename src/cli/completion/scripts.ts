export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** The command itself says what could follow (answer.ts); these only ask it and show the answer. Nothing typed is evaluated. */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of kafka-healing for bash, which needs nothing else. Also: source <(kafka-healing completion bash)
_kafka_healing() {
  local rest=\${COMP_LINE:0:COMP_POINT} part glued i
  local -a words=()
  # bash splits at = and : as well; what no blank separates is one word.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    glued=$i
    while [[ $rest == [[:space:]]* ]]; do
      rest=\${rest:1}
      glued=0
    done
    part=\${COMP_WORDS[i]}
    ((i == COMP_CWORD)) && part=$rest
    rest=\${rest:\${#part}}
    if ((glued)); then
      words[\${#words[@]} - 1]+=$part
    else
      words+=("$part")
    fi
  done

  local typed=\${words[\${#words[@]} - 1]} cut='' value says
  # What stands before the last = or : stays as it is on the line.
  [[ $typed == *=* && $COMP_WORDBREAKS == *=* ]] && cut=\${typed%"\${typed##*=}"}
  [[ $typed == *:* && $COMP_WORDBREAKS == *:* ]] && cut=\${typed%"\${typed##*:}"}
  COMPREPLY=()
  compopt +o default 2>/dev/null
  while IFS=$'\\t' read -r value says; do
    case $value in
      :files) compopt -o default 2>/dev/null ;;
      :words) ;;
      *) COMPREPLY+=("\${value#"$cut"}") ;;
    esac
  done < <("$1" complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _kafka_healing kafka-healing
`,
  zsh: `#compdef kafka-healing
# Completion of kafka-healing for zsh. Also: source <(kafka-healing completion zsh)
_kafka_healing() {
  local -a said values
  local line says
  said=("\${(@f)$("\${(Q)words[1]}" complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  for line in "\${(@)said[2,-1]}"; do
    says=\${line#*$'\\t'}
    values+=("\${\${line%%$'\\t'*}//:/\\\\:}\${says:+:$says}")
  done
  (($#values)) && _describe -t values 'kafka-healing' values
  [[ \${said[1]} == :files ]] && _files
}
if [[ \${funcstack[1]} == _kafka_healing ]]; then
  _kafka_healing "$@"
else
  compdef _kafka_healing kafka-healing
fi
`,
  fish: `# Completion of kafka-healing for fish. Also: kafka-healing completion fish | source
function __kafka_healing_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l said ($words[1] complete -- $words[2..-1] "$typed" 2>/dev/null)
    test "$said[1]" = ':files'; and __fish_complete_path "$typed"
    printf '%s\\n' $said[2..-1]
end
complete -c kafka-healing -f -a '(__kafka_healing_complete)'
`,
}
