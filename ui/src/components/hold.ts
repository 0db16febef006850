// A press that counts only when it lasts. WebKitGTK tells of a finger by `touchstart` at once, but by `pointerdown` and
// `click` only after it has left, as a mouse; so fingers are read from touches and everything else from pointers and keys.

/** How long a press must last. The ring's animation takes as long (`--hold`). */
export const HOLD_MS = 1_000;
/** Mouse events that follow a finger within this time are its echo. */
export const ECHO_MS = 800;

export interface HoldWorld {
  now(): number;
  later(run: () => void, ms: number): number;
  forget(timer: number): void;
}

export const browserTime: HoldWorld = {
  now: () => performance.now(),
  later: (run, ms) => window.setTimeout(run, ms),
  forget: (timer) => window.clearTimeout(timer),
};

export interface HoldEvents {
  /** The ring begins to fill, or empties. */
  pressed(down: boolean): void;
  /** Held to the end. */
  held(): void;
  /** Let go too early. */
  short(): void;
  /** Pressed by something that cannot hold: a screen reader, a switch. */
  ask(): void;
}

export class Hold {
  private timer: number | null = null;
  private touched = -Infinity;
  private keyed = -Infinity;
  private pointed = -Infinity;
  /** The key or finger that is down still, though the hold has ended. */
  private stillDown = false;

  constructor(
    private readonly events: HoldEvents,
    private readonly world: HoldWorld = browserTime,
  ) {}

  touchStart(): void {
    this.touched = this.world.now();
    this.begin();
  }
  touchEnd(): void {
    this.touched = this.world.now();
    this.release();
  }
  pointerDown(button: number): void {
    this.pointed = this.world.now();
    if (button === 0 && !this.echo()) this.begin();
  }
  pointerUp(): void {
    if (!this.echo()) this.release();
  }
  keyDown(key: string, repeat: boolean): boolean {
    if (key !== 'Enter' && key !== ' ') return false;
    this.keyed = this.world.now();
    if (!repeat) this.begin();
    return true;
  }
  keyUp(key: string): void {
    if (key !== 'Enter' && key !== ' ') return;
    this.keyed = this.world.now();
    this.release();
  }
  /** Taken away: focus lost, finger slid off, the page hidden. */
  abandon(): void {
    this.release();
  }
  click(): void {
    const now = this.world.now();
    if ([this.touched, this.keyed, this.pointed].every((at) => now - at > ECHO_MS)) this.events.ask();
  }

  private echo(): boolean {
    return this.world.now() - this.touched < ECHO_MS;
  }

  private begin(): void {
    if (this.timer !== null || this.stillDown) return;
    this.stillDown = true;
    this.timer = this.world.later(() => {
      this.timer = null;
      this.events.pressed(false);
      this.events.held();
    }, HOLD_MS);
    this.events.pressed(true);
  }

  private release(): void {
    this.stillDown = false;
    if (this.timer === null) return;
    this.world.forget(this.timer);
    this.timer = null;
    this.events.pressed(false);
    this.events.short();
  }
}
