# shellcheck shell=bash
# A week off with the real CA: certificates that lapsed a week ago are renewed before their services start.
export WHAT='step-ca 0.30.2, nginx'
have() {
  needs jq jq
  needs nginx nginx-light
  # Not STEP_…: the command line takes such variables for its flags.
  go_binary step-ca github.com/smallstep/certificates/cmd/step-ca
  export REAL_STEP_CA=$BINARY
  go_binary step github.com/smallstep/cli/cmd/step
  export REAL_STEP=$BINARY
}
run() { REAL_AGED_CA=$RECIPES/step-ca/aged-ca.sh cargo_real real_step_ca; }
