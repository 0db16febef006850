// A changed figure glows once: `use:glow={value}`.
import type { Action } from 'svelte/action';

export const glow: Action<HTMLElement, unknown> = (node, first) => {
  let known = first;
  const done = () => node.classList.remove('glow');
  node.addEventListener('animationend', done);
  return {
    update(value) {
      if (value === known) return;
      known = value;
      node.classList.add('glow');
    },
    destroy: () => node.removeEventListener('animationend', done),
  };
};
