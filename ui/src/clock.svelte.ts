// The engine's time as this page knows it. It ticks for the sake of ages; while something boots it ticks faster.

const CALM_MS = 1_000;
const BUSY_MS = 250;

export class Clock {
  /** The picture's time, in milliseconds since 1970 by the engine's clock. */
  now = $state(Date.now());
  /** The same, but it goes on while nothing is heard. */
  wall = $state(Date.now());
  private offset = 0;
  private period = CALM_MS;
  private timer: number | null = null;
  private frozen = false;

  start(): void {
    this.timer = window.setInterval(() => this.tick(), this.period);
  }

  stop(): void {
    if (this.timer !== null) window.clearInterval(this.timer);
  }

  setOffset(offset: number): void {
    this.offset = offset;
    this.tick();
  }

  setBusy(busy: boolean): void {
    const period = busy ? BUSY_MS : CALM_MS;
    if (period === this.period) return;
    this.period = period;
    this.stop();
    this.start();
  }

  /** While nothing is heard nothing is known: the picture's time stands still. */
  setFrozen(frozen: boolean): void {
    this.frozen = frozen;
  }

  private tick(): void {
    this.wall = Date.now() + this.offset;
    if (!this.frozen) this.now = this.wall;
  }
}
