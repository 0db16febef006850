// @vitest-environment jsdom
import { mount, unmount, flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import HoldButton from './Hold.svelte';
import { ECHO_MS, HOLD_MS } from './hold';

describe('a button that must be held', () => {
  let onheld: ReturnType<typeof vi.fn<() => void>>;
  let shown: Record<string, unknown>;

  const button = () => {
    const found = document.querySelector('button');
    if (found === null) throw new Error('there is no button');
    return found;
  };
  const touch = (type: string) => {
    const event = new Event(type, { bubbles: true, cancelable: true });
    Object.assign(event, { touches: [] });
    button().dispatchEvent(event);
    flushSync();
    return event;
  };
  const send = (event: Event) => {
    button().dispatchEvent(event);
    flushSync();
    return event;
  };
  const key = (type: string, name: string, repeat = false) =>
    send(new KeyboardEvent(type, { key: name, repeat, bubbles: true, cancelable: true }));
  const mouse = (type: string) => send(new MouseEvent(type, { button: 0, bubbles: true }));
  const wait = (ms: number) => {
    vi.advanceTimersByTime(ms);
    flushSync();
  };
  const show = (change: Record<string, unknown> = {}) => {
    shown = mount(HoldButton, {
      target: document.body,
      props: {
        label: 'Hold to start',
        hint: 'hold for 1 s',
        tooShort: 'too short',
        question: 'Start?',
        no: 'No',
        yes: 'Yes',
        onheld,
        ...change,
      },
    });
    flushSync();
  };

  beforeEach(() => {
    vi.useFakeTimers({ now: 10_000_000 });
    // jsdom has no dialogs that open.
    HTMLDialogElement.prototype.showModal = function () {
      this.open = true;
    };
    HTMLDialogElement.prototype.close = function () {
      this.open = false;
    };
    onheld = vi.fn<() => void>();
  });
  afterEach(async () => {
    await unmount(shown);
    vi.useRealTimers();
  });

  it('shows the press at once, and acts after the whole second', () => {
    show();
    touch('touchstart');
    expect(button().classList, 'the ring fills').toContain('down');
    wait(HOLD_MS - 1);
    expect(onheld).not.toHaveBeenCalled();
    wait(1);
    expect(onheld).toHaveBeenCalledOnce();
    touch('touchend');
    wait(5_000);
    expect(onheld).toHaveBeenCalledOnce();
  });

  it('does nothing when it is let go early, and says so', () => {
    show();
    touch('touchstart');
    wait(HOLD_MS - 50);
    touch('touchend');
    wait(5_000);
    expect(onheld).not.toHaveBeenCalled();
    expect(document.body.textContent).toContain('too short');
    expect(button().classList).not.toContain('down');
  });

  it('takes the mouse events after a finger for its echo', () => {
    show();
    touch('touchstart');
    wait(90);
    touch('touchend');
    // WebKitGTK tells of these only now, as if a mouse had been pressed.
    mouse('pointerdown');
    wait(ECHO_MS - 1);
    mouse('click');
    wait(HOLD_MS);
    expect(onheld).not.toHaveBeenCalled();
    expect(document.querySelector('dialog')).toBeNull();
  });

  it('refuses the mouse events and the menu that a finger would cause', () => {
    show();
    expect(touch('touchstart').defaultPrevented).toBe(true);
    touch('touchend');
    expect(send(new Event('contextmenu', { bubbles: true, cancelable: true })).defaultPrevented).toBe(true);
  });

  it.each(['Enter', ' '])('is held by the key %j too, however often it repeats', (name) => {
    show();
    key('keydown', name);
    for (let i = 0; i < 10; i += 1) {
      wait(HOLD_MS / 10);
      key('keydown', name, true);
    }
    expect(onheld).toHaveBeenCalledOnce();
    key('keyup', name);
  });

  it('is held by a mouse too, and given up when it leaves', () => {
    show();
    mouse('pointerdown');
    wait(500);
    mouse('pointerleave');
    wait(HOLD_MS);
    expect(onheld).not.toHaveBeenCalled();
    mouse('pointerdown');
    wait(HOLD_MS);
    expect(onheld).toHaveBeenCalledOnce();
  });

  it('asks those who cannot hold, with the safe answer first', () => {
    show();
    wait(ECHO_MS + 1);
    mouse('click');
    const answers = [...document.querySelectorAll('dialog button')];
    expect(answers.map((b) => b.textContent)).toEqual(['No', 'Yes']);
    (answers[1] as HTMLElement).click();
    expect(onheld).toHaveBeenCalledOnce();
  });

  it('says beside it why it cannot work, and does not', () => {
    show({ blocked: 'another run is under way' });
    touch('touchstart');
    key('keydown', 'Enter');
    wait(HOLD_MS * 2);
    expect(onheld).not.toHaveBeenCalled();
    expect(button().getAttribute('aria-disabled')).toBe('true');
    expect(document.getElementById(button().getAttribute('aria-describedby') ?? '')?.textContent).toContain(
      'another run is under way',
    );
  });

  it('forgets a press when it goes away', async () => {
    show();
    touch('touchstart');
    await unmount(shown);
    wait(HOLD_MS * 2);
    expect(onheld).not.toHaveBeenCalled();
    show();
  });
});
