/**
 * What a shell runs when TAB is pressed: it asks `dbc complete -- WORDS`, which prints candidates, one a line with its
 * description behind a tab, or `:file`. Nothing that is typed is evaluated. Each asks the `dbc` that is being typed.
 */
export const completionScripts = {
  bash: `# Completion of dbc for bash. In ~/.bashrc: source <(dbc completion bash)
_dbc() {
  local cur=\${COMP_WORDS[COMP_CWORD]} line words=()
  # Bash takes --flag=value apart, and keeps quotes.
  local -i at
  for ((at = 1; at <= COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} == = ]]; then continue; fi
    words+=("\${COMP_WORDS[at]//[\\"\\'\\\\]/}")
  done
  if [[ $cur == = ]]; then cur='' words+=(''); fi
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :file ]]; then
      compopt -o filenames
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
      return
    fi
    line=\${line%%$'\\t'*}
    if [[ $line == "$cur"* ]]; then COMPREPLY+=("$line"); fi
  done < <("\${COMP_WORDS[0]/#\\~/$HOME}" complete -- "\${words[@]}" 2>/dev/null)
}
complete -F _dbc dbc
`,
  zsh: `#compdef dbc
# Completion of dbc for zsh. In ~/.zshrc, after compinit: source <(dbc completion zsh)
_dbc() {
  local line
  local -a candidates
  for line in "\${(@f)$("\${(Q)words[1]/#\\~/$HOME}" complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    if [[ $line == :file ]]; then _files; return; fi
    [[ -z $line ]] || candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'dbc' candidates
}
if [[ $funcstack[1] == _dbc ]]; then _dbc "$@"; else compdef _dbc dbc; fi
`,
  fish: `# Completion of dbc for fish: dbc completion fish > ~/.config/fish/completions/dbc.fish
function __dbc_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l dbc $words[1]
    set -e words[1]
    for line in ($dbc complete -- $words $current 2>/dev/null)
        if test "$line" = :file
            __fish_complete_path $current
        else
            echo $line
        end
    end
end
complete -c dbc -f -a '(__dbc_complete)'
`,
} as const;

export type Shell = keyof typeof completionScripts;
export const shells = Object.keys(completionScripts) as Shell[];
