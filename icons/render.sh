#!/usr/bin/env bash
# Draws the PNGs from logo.svg, once per change of the drawing; they are committed, so that building needs no renderer.
# Chromium is a test dependency anyway, and its canvas gives what Tauri wants: 8-bit RGBA on a transparent ground.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

draw() {
  local size=$1 file=$2
  cat >"$work/page.html" <<HTML
<body><script>
  const image = new Image($size, $size);
  image.onload = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: $size, height: $size });
    canvas.getContext("2d").drawImage(image, 0, 0, $size, $size);
    document.body.textContent = canvas.toDataURL("image/png");
  };
  image.src = "data:image/svg+xml;base64,$(base64 -w 0 logo.svg)";
</script></body>
HTML
  chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --virtual-time-budget=5000 \
    --dump-dom "file://$work/page.html" 2>/dev/null | sed -n 's/.*data:image\/png;base64,\([A-Za-z0-9+/=]*\).*/\1/p' | base64 -d >"$file"
  file "$file"
}

draw 32 32x32.png
draw 128 128x128.png
draw 256 128x128@2x.png
draw 512 512x512.png
cp 512x512.png icon.png
