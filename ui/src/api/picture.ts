// The whole state of the UI that comes from the engine, and the one pure function that changes it.
import { time } from '../format';
import type { EventWire, StatusWire } from './wire';

export interface Picture {
  status: StatusWire | null;
  /** Newest first. */
  events: EventWire[];
  /** Number of the last event known; the stream resumes after it. */
  seq: number;
  /** The engine's clock minus this page's, in milliseconds. */
  offset: number;
}

/** `at` is this page's clock when the message arrived. */
export type Message =
  | { type: 'status'; at: number; status: StatusWire }
  | { type: 'event'; at: number; event: EventWire }
  | { type: 'tick'; at: number; now: string }
  /** The stream goes on after `seq` of another history: what was collected is void. */
  | { type: 'reset'; at: number; seq: number };

/** Events kept for the live list; older ones are asked for again when somebody looks. */
export const EVENTS_KEPT = 1_000;

export const BLANK: Picture = { status: null, events: [], seq: 0, offset: 0 };

export function fold(picture: Picture, message: Message): Picture {
  switch (message.type) {
    case 'tick':
      return { ...picture, offset: time(message.now) - message.at };
    case 'reset':
      return { ...picture, events: [], seq: message.seq };
    case 'event':
      return withEvent(picture, message.event);
    case 'status': {
      const { status, at } = message;
      const known = picture.status;
      const behind = known !== null && status.seq < known.seq;
      // An answer that was overtaken on its way. From an engine that started anew it is another history.
      if (behind && status.engine.started === known.engine.started) return picture;
      return {
        status,
        events: behind ? [] : picture.events,
        seq: behind ? status.seq : Math.max(picture.seq, status.seq),
        offset: time(status.now) - at,
      };
    }
  }
}

function withEvent(picture: Picture, event: EventWire): Picture {
  if (picture.events.some((known) => known.seq === event.seq)) return picture;
  const events = [event, ...picture.events];
  // Nearly always the newest; a resumed stream may bring older ones after it.
  if (events[1] !== undefined && events[1].seq > event.seq) events.sort((a, b) => b.seq - a.seq);
  return { ...picture, events: events.slice(0, EVENTS_KEPT), seq: Math.max(picture.seq, event.seq) };
}
