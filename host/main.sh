# shellcheck shell=dash
# main NONCE REPOSITORY ENV_FILE OPERATION ARGUMENT…: called at the end of what is sent, followed by further operations
# and the word that all of it was done, in braces: a transfer that broke
# off, even in the midst of the arguments, is a syntax error and runs nothing.
main() {
  nonce=$1
  printf '\n%s\n' "$nonce"
  enter "$2"
  # The caller redacts its values from everything else, so it has to know them first.
  if [ -n "$3" ] && [ -r "$3" ]; then say env "$(base64 -w0 <"$3")"; else say env; fi
  operation=$4
  shift 4
  "op_$operation" "$@"
}
