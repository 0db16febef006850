// A mark's or an event's data as one line: the few figures people ask for first, then the rest.
import type { Json } from '../../api/wire';
import { bytes, measured } from '../../format';
import { words } from '../../words';

const base = (path: string) => path.slice(path.lastIndexOf('/') + 1);

export function detailOf(detail: Json): string {
  if (detail === null || detail === undefined) return '';
  if (typeof detail !== 'object') return String(detail);
  if (Array.isArray(detail)) return detail.map(detailOf).join(', ');
  const wire = wireOf(detail);
  if (wire !== null) return wire;
  const rest = new Map(Object.entries(detail).filter(([, value]) => value !== null && value !== ''));
  const take = (key: string) => {
    const value = rest.get(key);
    rest.delete(key);
    return value;
  };
  const [path, proto, size, packets, seconds, found] = [
    'path',
    'proto',
    'bytes',
    'packets',
    'seconds',
    'found',
  ].map(take);
  const parts: string[] = [];
  if (typeof path === 'string') parts.push(base(path));
  if (typeof proto === 'string') parts.push(proto.toUpperCase());
  if (typeof size === 'number' && typeof packets === 'number')
    parts.push(words.boots.wire(packets, bytes(size)));
  else if (typeof size === 'number') parts.push(bytes(size));
  if (typeof seconds === 'number') parts.push(measured(seconds));
  if (typeof size === 'number' && size > 0 && typeof seconds === 'number' && seconds > 0)
    parts.push(`${bytes(size / seconds)}/s`);
  if (found === false) parts.push(words.boots.missing);
  for (const [key, value] of rest) {
    parts.push(
      `${key.replaceAll('_', ' ')} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    );
  }
  return parts.join(', ');
}

/** Bytes and packets of the machine's own wire since its boot began. */
function wireOf(detail: Record<string, Json>): string | null {
  const [fromBytes, fromPackets, toBytes, toPackets] = [
    'from_bytes',
    'from_packets',
    'to_bytes',
    'to_packets',
  ].map((key) => detail[key]);
  if (typeof fromBytes !== 'number' || typeof toBytes !== 'number') return null;
  if (typeof fromPackets !== 'number' || typeof toPackets !== 'number') return null;
  return words.boots.wireSums(
    words.boots.wire(fromPackets, bytes(fromBytes)),
    words.boots.wire(toPackets, bytes(toBytes)),
  );
}
