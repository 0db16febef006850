// Troubles and rivals as one list, the one that has stood longest first. No markup here.
import type { RivalWire, TroubleWire } from '../../api/wire';
import { age, sentence, time } from '../../format';
import { words } from '../../words';

export interface Trouble {
  key: string;
  name: string;
  /** How old it is, in words. */
  since: string;
  says: string;
  remedy: string;
}

const ended = (text: string) => (text === '' || /[.!?]$/.test(text) ? text : `${text}.`);

export function troublesOf(troubles: TroubleWire[], rivals: RivalWire[], now: number): Trouble[] {
  const since = (at: string | null) => (at === null ? '' : words.system.troubleFor(age(now - time(at))));
  const own = troubles.map(({ service, failure, since: at }) => ({
    at,
    key: `trouble ${service}`,
    name: service,
    since: since(at),
    says: ended(sentence(`${failure.what}: ${failure.why}`)),
    remedy: ended(sentence(failure.remedy)),
  }));
  const others = rivals.map(({ service, address, says, since: at }) => ({
    at,
    key: `rival ${service} ${address}`,
    name: words.system.rival(service, address),
    since: since(at),
    says: ended(sentence(says)),
    remedy: words.system.rivalDo,
  }));
  const moment = (at: string | null) => (at === null ? 0 : time(at));
  return [...own, ...others]
    .sort((a, b) => moment(a.at) - moment(b.at))
    .map(({ at: _, ...trouble }) => trouble);
}
