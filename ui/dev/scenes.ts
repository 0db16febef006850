// The made-up board's states. See mock.ts.
import type { BootWire, EventWire, MachineWire, RunWire, StatusWire } from '../src/api/wire';
import { answerGear, devicesOf, disagreeing, powerOf, routerOf, switchOf, uplinkOf } from './gear.ts';
import { countersAt, page } from './logs.ts';
import { runOf } from './runs.ts';
import {
  COUNTERS,
  FACTS,
  PHASES,
  REFUSED,
  SAYS,
  USUAL,
  bootEvents,
  erasing,
  event,
  iso,
  marksOf,
  measuredAt,
  packets,
  rivalsAt,
  servicesOf,
  commonAt,
  labsOf,
  sum,
  troublesAt,
  verdictAt,
  type Scene,
} from './records.ts';
import { certificatesOf, clockOf, healthOf, healthTroubles, streamsOf } from './watched.ts';
import { endingOf, placesOf, replacementsOf } from './whole.ts';

export class World {
  readonly t0 = Date.now();
  private cancelled: number | null = null;
  private started: number | null = null;
  private ending: number | null = null;
  private taken = false;
  private readonly answers = new Map<number, string>();
  constructor(readonly scene: Scene) {}

  private bootOf(
    box: number,
    start: number,
    scale: number,
    stop?: { after: number; why: string },
    endless = false,
  ): BootWire {
    const now = Date.now();
    const lengths = USUAL.map((s, i) => (stop || (endless && i === USUAL.length - 1) ? 9_999 : s * scale));
    const limit = stop?.after ?? Infinity;
    const ran = Math.min((now - start) / 1000, limit, sum(lengths));
    const phases: BootWire['phases'] = [];
    let from = 0;
    lengths.forEach((length, i) => {
      if (from > ran || (from === ran && i > 0)) return;
      const whole = from + length <= ran;
      phases.push({
        phase: PHASES[i] ?? '',
        started: iso(start + from * 1000),
        seconds: whole ? length : stop && ran >= limit ? ran - from : null,
        usual: length > 9_000 ? (USUAL[i] ?? null) : length,
        expected: iso(start + (from + (USUAL[i] ?? 0)) * 1000),
        marks: marksOf(i, from, length).filter((mark) => (mark.at ?? 0) <= ran),
      });
      from += length;
    });
    const good = ran >= sum(lengths) - 1e-9;
    const failed = !good && stop !== undefined && ran >= limit;
    return {
      id: 200 + box,
      machine: `node${box}`,
      run: ['run', 'done', 'failed'].includes(this.scene) ? 31 : null,
      cause: 'press',
      state: good ? 'good' : failed ? 'failed' : 'running',
      reason: good ? 'the machine reported' : failed ? stop.why : null,
      started: iso(start),
      ended: good || failed ? iso(start + ran * 1000) : null,
      seconds: good || failed ? ran : null,
      phases,
      verdict: failed ? verdictAt(start, box) : null,
      screen: this.answers.get(box) ?? null,
    };
  }

  private machine(box: number): MachineWire {
    const now = Date.now();
    const boot = this.bootFor(box);
    const base: MachineWire = {
      box,
      name: `node${box}`,
      mac: `16:09:01:1a:f4:3${box}`,
      address: `192.168.122.1${box}`,
      outlet: box,
      port: 7 - box,
      group: `group${Math.ceil(box / 2)}`,
      state: 'off',
      word: 'off',
      says: null,
      power: powerOf({
        evidence: 'silent since it was told to go off',
        observed_at: iso(this.t0 - 90_000),
      }),
      heard: { at: iso(this.t0 - 95_000), what: 'heartbeat', patience_ms: 6000 },
      boot,
      usual: {
        boots: 12,
        seconds: sum(USUAL),
        spread: [40.1, 47.9],
        phases: USUAL,
        phase_spread: USUAL.map((s) => [s * 0.9, s * 1.1] as [number, number]),
      },
      transfer: null,
      facts: FACTS,
      facts_at: iso(this.t0 - 100_000),
      verdict: boot?.verdict ?? null,
      link: box === 3 ? true : false,
      link_speed: box === 3 ? 100 : null,
      link_losses: 0,
      port_enabled: true,
      held_back: null,
      due: null,
      way: 'http',
      faults: [],
      wipe: null,
      wiping: null,
      erased: null,
    };
    if (this.scene === 'empty') {
      return {
        ...base,
        state: 'unknown',
        word: 'unknown',
        power: powerOf({ commanded: 'unknown', observed: 'unknown' }),
        link: null,
        port_enabled: null,
        heard: null,
        boot: null,
        usual: null,
        facts: null,
        facts_at: null,
      };
    }
    if (this.scene === 'idle' || this.scene === 'done' || this.scene === 'refuse' || boot === null)
      return base;
    const on = powerOf({
      commanded: 'on',
      observed: 'on',
      evidence: 'it was heard',
      observed_at: boot.started,
    });
    const linked = { ...base, link: true, link_speed: 1000 };
    const heard = { at: iso(now - 1000 - (box % 2) * 1000), what: 'heartbeat', patience_ms: 6000 };
    if (this.scene === 'wiping') {
      const told = erasing(box, this.t0);
      const off = told.state === 'off';
      return { ...base, ...(off ? {} : { power: on, heard, state: 'up', word: 'ready' }), ...told };
    }
    if (boot.state === 'running') {
      const i = boot.phases.length - 1;
      const transfer = i === 3 ? { path: '/boot/vmlinuz', sent: 31e6, total: 61e6 } : null;
      return { ...linked, power: on, heard, state: 'boot', word: 'booting', says: SAYS[i] ?? null, transfer };
    }
    if (boot.state === 'failed') {
      return {
        ...linked,
        power: on,
        heard: { ...heard, at: iso(this.t0 - 31_000) },
        state: 'fault',
        word: 'failed',
        says: boot.reason,
      };
    }
    if (this.scene === 'fault' && box === 4) {
      return {
        ...linked,
        power: on,
        heard: { ...heard, at: iso(this.t0 - 22_000) },
        state: 'warn',
        word: 'silent',
        says: 'last heard: heartbeat',
      };
    }
    if (this.scene === 'fault' && box === 2) {
      return {
        ...linked,
        state: 'unknown',
        word: 'unknown',
        power: powerOf({
          commanded: 'on',
          observed: 'unknown',
          evidence: 'the engine started anew; nothing has been heard since',
        }),
        link: null,
        link_speed: null,
        heard: null,
      };
    }
    if (this.scene === 'fault' && box === 5) {
      return {
        ...linked,
        state: 'fault',
        word: 'press failed',
        says: `${REFUSED.what}: ${REFUSED.why}. ${REFUSED.remedy}`,
        power: {
          ...on,
          commanded: 'off',
          press: { to: 'off', started: iso(this.t0 - 9000), ended: iso(this.t0 - 8000), failure: REFUSED },
        },
      };
    }
    const up = { ...linked, power: on, heard, state: 'up', word: 'ready' };
    return this.scene === 'gear' ? { ...up, ...disagreeing(box, this.t0) } : up;
  }

  private bootFor(box: number): BootWire | null {
    const long = this.t0 - 600_000;
    const scale = 1 + ((box * 7) % 5) / 40;
    const why =
      'no DHCP packet within 35 s after the press; most likely it boots from its disk or waits for a key';
    switch (this.scene) {
      case 'empty':
        return null;
      case 'booting':
        return box > 4
          ? this.bootOf(box, this.t0 - (box === 5 ? 21_000 : 4_000), scale)
          : this.bootOf(box, long, scale);
      case 'wiping':
        return box === 1
          ? this.bootOf(box, this.t0 - 60_000, 1, undefined, true)
          : this.bootOf(box, long, scale);
      case 'common':
      case 'fault':
        return box === 6 || (this.scene === 'common' && box > 2)
          ? this.bootOf(box, this.t0 - 41_000, scale, { after: 35, why })
          : this.bootOf(box, long, scale);
      case 'run':
        return this.bootOf(box, this.t0 - 26_000 + box * 700, scale);
      case 'failed':
        return this.bootOf(
          box,
          this.t0 - 80_000 + box * 700,
          scale,
          box === 6 ? { after: 35, why } : undefined,
        );
      default:
        return this.bootOf(box, long, scale);
    }
  }

  private run(machines: MachineWire[]): RunWire | null {
    return runOf(this.scene, this.t0, this.started, this.cancelled, machines);
  }

  status(): StatusWire {
    const machines = [1, 2, 3, 4, 5, 6].map((b) => this.machine(b));
    const labs = labsOf(this.scene === 'empty');
    const fault = this.scene === 'fault';
    const run = this.run(machines);
    return {
      seq: 4_096 + Math.floor((Date.now() - this.t0) / 500),
      now: iso(Date.now()),
      board: {
        name: 'simulated',
        kind: 'simulated',
        badge: this.scene === 'watch' ? 'WATCH ONLY' : 'SIMULATED',
        shelf: [
          [1, 3, 5],
          [2, 4, 6],
        ],
        speed: this.scene === 'booting' ? 20 : 1,
        watch_only: this.scene === 'watch',
      },
      engine: {
        version: '0.1.0',
        started: iso(this.t0 - 5_400_000),
        storage: fault ? { why: 'the disk is full', since: iso(this.t0 - 60_000), waiting: 17 } : null,
        services: this.scene === 'empty' ? [] : servicesOf(fault),
      },
      machines,
      run,
      labs,
      devices: devicesOf(this.scene, this.t0),
      switch: switchOf(this.scene, this.t0, machines),
      router: routerOf(this.scene),
      uplink: uplinkOf(this.scene),
      ending: endingOf(this.ending, false),
      replacements: replacementsOf(this.scene, this.t0, this.taken),
      unknown:
        this.scene === 'normal' || fault
          ? [
              {
                mac: '52:54:00:12:34:56',
                code: 'K7-QF',
                first: iso(this.t0 - 900_000),
                last: iso(this.t0 - 30_000),
                times: 14,
              },
            ]
          : [],
      common: this.scene === 'common' ? commonAt(this.t0) : null,
      troubles: fault ? troublesAt(this.t0) : healthTroubles(this.scene, this.t0),
      rivals: fault ? rivalsAt(this.t0) : [],
      streams: streamsOf(this.scene, this.t0),
      certificates: certificatesOf(this.scene, this.t0),
      clock: clockOf(this.scene),
      health: healthOf(this.scene),
      counters: this.scene === 'empty' ? {} : COUNTERS,
    };
  }

  events(since: number): EventWire[] {
    const last = this.status().seq;
    const list: EventWire[] = [];
    for (let seq = Math.max(since + 1, last - 300); seq <= last; seq += 1) list.push(event(seq, this.t0));
    return list;
  }

  answer(method: string, path: string, query: URLSearchParams): { status: number; body: unknown } | null {
    const ok = (body: unknown) => ({ status: 200, body });
    const boot = /^\/boots\/(\d+)(\/\w+)?$/.exec(path);
    const found = boot === null ? null : this.bootFor(Number(boot[1]) - 200);
    if (path === '/status') return ok(this.status());
    const gear = answerGear(method, path, () => this.status());
    if (gear !== null) return gear;
    if (path === '/rollcall') return ok(placesOf(this.scene, this.t0));
    if (path === '/lab/end') {
      this.ending = Date.now();
      return { status: 202, body: {} };
    }
    if (path === '/machines/node4/replace') {
      this.taken = true;
      return ok({ says: 'node4 is the new PC from its next boot on.' });
    }
    if (path === '/logs/records') return ok(page(this.scene, this.t0, query));
    if (path === '/logs/counters') return ok(countersAt(this.scene, this.t0));
    if (path === '/certificates/check' || /^\/certificates\/[^/]+\/renew$/.test(path)) {
      if (this.scene !== 'expired') return { status: 204, body: null };
      const error = this.status().certificates?.ca_failure ?? null;
      return { status: 502, body: { error } };
    }
    if (method === 'POST' && path.endsWith('/start')) {
      if (this.scene === 'refuse') {
        return {
          status: 409,
          body: {
            error: {
              code: 'device-absent',
              what: 'start rehearsal',
              why: 'the relay board does not answer',
              remedy: 'Check its USB cable and its supply, then hold again.',
            },
          },
        };
      }
      this.started = Date.now();
      return ok({ run: 31, lab: 'rehearsal', state: 'running' });
    }
    if (method === 'POST' && path.endsWith('/cancel')) {
      this.cancelled = Date.now();
      return ok({});
    }
    const looked = /^\/machines\/node(\d)\/screen$/.exec(path);
    if (method === 'POST' && looked !== null) {
      this.answers.set(Number(looked[1]), 'shows-system');
      return ok({});
    }
    if (path === '/measured') return ok(this.scene === 'empty' ? [] : measuredAt(this.t0));
    if (path === '/runs') return ok(this.runs());
    if (path.startsWith('/runs/')) return null;
    if (path === '/boots') {
      const machine = query.get('machine');
      return ok(
        this.status().machines.flatMap((m) =>
          m.boot !== null && (machine === null || m.name === machine) ? [m.boot] : [],
        ),
      );
    }
    if (path === '/events') return ok(this.events(Number(query.get('since') ?? 0)));
    if (boot !== null && found !== null) {
      if (boot[2] === undefined) return ok(found);
      if (boot[2] === '/events') return ok(bootEvents(found));
      if (boot[2] === '/packets') return ok(packets(found));
    }
    if (path.endsWith('/console'))
      return ok({
        machine: 'node1',
        text: 'Linux version 6.1.0-40-amd64\nCommand line: console=ttyS0\nprobe: PC 1, 192.168.122.11\n',
      });
    return null;
  }

  private runs(): RunWire[] {
    const run = this.run(this.status().machines) ?? new World('done').run(this.status().machines);
    if (run === null || this.scene === 'empty') return [];
    return [0, 1, 2, 3].map((i) => ({
      ...run,
      run: 30 - i,
      state: i === 2 ? 'failed' : 'done',
      reason: i === 2 ? 'PC 6 did not boot' : 'every PC reported',
      started: iso(this.t0 - (i + 1) * 4_000_000),
      ended: iso(this.t0 - (i + 1) * 4_000_000 + 58_000),
      seconds: 58.2 - i * 1.7,
    }));
  }
}
