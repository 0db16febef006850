// The picture and the link to the engine, as runes that every view reads.
import { api } from './client';
import { BLANK, fold, type Picture } from './picture';
import { Stream, browser, type Link } from './stream';

export class Live {
  picture = $state.raw<Picture>(BLANK);
  link = $state.raw<Link>({ state: 'connecting', since: Date.now() });
  private stream: Stream | null = null;

  start(): void {
    this.stream ??= new Stream(
      { ...browser, status: api.status },
      () => this.picture.seq,
      (message) => {
        this.picture = fold(this.picture, message);
      },
      (link) => {
        // Same news, no new object: nothing repaints because the engine is still there.
        if (link.state !== 'live' || this.link.state !== 'live') this.link = link;
      },
    );
  }

  stop(): void {
    this.stream?.end();
    this.stream = null;
  }

  get status() {
    return this.picture.status;
  }
}
