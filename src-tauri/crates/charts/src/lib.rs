//! Drawings for reports: boot waterfalls as SVG.
