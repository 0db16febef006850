// What the picture really tells before a start. Nothing is claimed that was not looked at.
import type { LabWire, StatusWire } from '../../api/wire';
import { deviceName, type State } from '../../domain';
import { age, clock, time } from '../../format';
import { words } from '../../words';

export interface Check {
  id: string;
  state: State;
  says: string;
  rests: string | null;
}

export function checksOf(status: StatusWire, lab: LabWire, now: number): Check[] {
  return [
    ...powerChecks(status, lab, now),
    ...deviceChecks(status),
    ...serviceChecks(status),
    storageCheck(status),
  ];
}

function powerChecks(status: StatusWire, lab: LabWire, now: number): Check[] {
  const machines = status.machines.filter((m) => lab.machines.includes(m.box));
  const of = (power: string) => machines.filter((m) => m.power.observed === power);
  const names = (list: typeof machines) => words.boxes(list.map((m) => m.box));
  const [off, on, unknown] = [of('off'), of('on'), of('unknown')];
  const checks: Check[] = [];
  if (off.length > 0) {
    const oldest = Math.min(
      ...off.map((m) => (m.power.observed_at === null ? Infinity : time(m.power.observed_at))),
    );
    const all = off.length === machines.length;
    checks.push({
      id: 'off',
      state: 'up',
      says: words.check.off(off.length),
      rests: [all ? null : names(off), Number.isFinite(oldest) ? words.check.seen(age(now - oldest)) : null]
        .filter((part) => part !== null)
        .join(', '),
    });
  }
  if (on.length > 0) {
    checks.push({ id: 'on', state: 'warn', says: words.check.on(on.length), rests: names(on) });
  }
  if (unknown.length > 0) {
    const evidence = unknown.find((m) => m.power.evidence !== null)?.power.evidence ?? words.power.rests;
    checks.push({
      id: 'unknown',
      state: 'unknown',
      says: words.check.unknown(unknown.length),
      rests: evidence,
    });
  }
  return checks;
}

function deviceChecks(status: StatusWire): Check[] {
  if (status.devices.length === 0) {
    return [{ id: 'device', state: 'unknown', says: words.check.noDevice, rests: null }];
  }
  return status.devices.map((device) => {
    const name = deviceName(status, device.name);
    return {
      id: `device ${device.name}`,
      state: device.present ? 'up' : 'fault',
      says: device.present ? words.check.devicePresent(name) : words.check.deviceLost(name),
      rests:
        device.failure === null ? words.check.deviceSince(clock(time(device.since))) : device.failure.why,
    };
  });
}

function serviceChecks(status: StatusWire): Check[] {
  const { services } = status.engine;
  if (services.length === 0) {
    return [{ id: 'services', state: 'unknown', says: words.check.noService, rests: null }];
  }
  const missing = services.filter((s) => !s.ready);
  if (missing.length === 0) {
    const names = services.map((s) => s.name).join(', ');
    return [{ id: 'services', state: 'up', says: words.check.services, rests: names }];
  }
  return missing.map((s) => ({
    id: `service ${s.name}`,
    state: 'warn',
    says: words.check.service(s.name),
    rests: s.says,
  }));
}

function storageCheck(status: StatusWire): Check {
  const { storage } = status.engine;
  return storage === null
    ? { id: 'storage', state: 'up', says: words.check.storage, rests: null }
    : { id: 'storage', state: 'fault', says: words.check.storageBad, rests: storage.why };
}
