# shellcheck shell=sh
# Called by ipmi_sim: MC get WHAT... prints WHAT:VALUE, MC set WHAT VALUE... obeys. The machine is a file.
cd "${0%/*}" || exit 1
shift
operation=$1
shift
while [ $# -gt 0 ]; do
  case $operation.$1 in
    get.power) echo "power:$(cat power 2>/dev/null || echo 0)" ;;
    get.boot) echo boot:default ;;
    get.*) echo "$1:0" ;;
    set.power)
      echo "$2" >power
      shift
      ;;
    set.*) shift ;;
  esac
  shift
done
