// What is known of how a boot ended, in words; never more than the evidence.
import type { BootWire, FailureWire, MachineWire } from '../../api/wire';
import { elapsed, type State } from '../../domain';
import { measured, sentence } from '../../format';
import { words } from '../../words';

export interface Verdict {
  state: State;
  title: string;
  says: string[];
  remedy: string | null;
}

/** Nearer to the usual time than this share of it is "as usual". */
const SAME = 0.1;

export function verdictOf(
  boot: BootWire,
  machine: MachineWire | null,
  failure: FailureWire | null,
  now: number,
): Verdict {
  const took = elapsed(boot, now);
  const phase = boot.phases.at(-1)?.phase ?? 'firmware';
  const phaseWord = words.phase[phase] ?? phase;
  const usual = machine?.usual ?? null;
  const began = words.boots.began(words.boots.cause[boot.cause] ?? boot.cause);
  switch (boot.state) {
    case 'good':
      return {
        state: 'up',
        title: words.boots.good(measured(took)),
        says: [...against(took, usual), began],
        remedy: null,
      };
    case 'running':
      return {
        state: 'boot',
        title: words.boots.running(phaseWord, measured(took)),
        says: [began, ...(machine?.says ? [`${sentence(machine.says)}.`] : []), ...history(usual)],
        remedy: null,
      };
    case 'failed':
      return {
        state: 'fault',
        title: words.boots.failed(phaseWord, measured(took)),
        says: [
          sentence(ended(failure?.why ?? boot.reason ?? words.boots.unknownReason)),
          ...history(usual),
          began,
        ],
        // The engine's remedy for a boot that failed by itself is this page.
        remedy: sentence(
          failure === null || failure.code === 'boot-failed' ? (words.remedy[phase] ?? '') : failure.remedy,
        ),
      };
    default:
      return {
        state: boot.state === 'abandoned' ? 'off' : 'unknown',
        title: words.boots.abandoned(measured(took)),
        says: [sentence(ended(boot.reason ?? words.boots.unknownReason)), began],
        remedy: null,
      };
  }
}

const ended = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);

function history(usual: MachineWire['usual']): string[] {
  if (usual === null) return [words.boots.noHistory];
  const [shortest, longest] = usual.spread;
  const spread = usual.boots > 1 ? words.boots.spread(measured(shortest), measured(longest)) : '';
  return [words.boots.median(measured(usual.seconds), usual.boots, spread)];
}

function against(took: number, usual: MachineWire['usual']): string[] {
  // The median of this one boot alone says nothing about it.
  if (usual === null || usual.boots < 2) return [];
  const by = took - usual.seconds;
  const word =
    Math.abs(by) <= usual.seconds * SAME
      ? words.boots.asUsual
      : by > 0
        ? words.boots.slower(measured(by))
        : words.boots.faster(measured(-by));
  return [word, ...history(usual)];
}
