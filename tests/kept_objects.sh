# The OBJCACHE of Verilator's makefiles: `sh kept_objects.sh FOLDER COMPILER ... -o OBJECT SOURCE` compiles,
# but for Verilator's own runtime copies what the same command has made before. It is the same for all models,
# and most of what a small one costs.
set -e
folder=$1
shift
for argument; do
    [ "$before" != -o ] || object=$argument
    before=$argument
done
case $object in
verilated*.o) ;;
*) exec "$@" ;;
esac
kept=$folder/$(printf '%s\n' "$@" | sha256sum | cut -c 1-64).o
if [ ! -f "$kept" ]; then
    "$@"
    cp "$object" "$kept.$$"
    mv "$kept.$$" "$kept" # at once, since others may be looking
fi
cp "$kept" "$object"
