import { type Command, Option } from 'commander'
import type { InitOptions } from '../init.ts'
import { addHelpEnd } from './help.ts'

/** Given several times, or once with commas. */
const several = (value: string, before: string | undefined): string => (before ? `${before},${value}` : value)

export function addInit(program: Command): void {
  const command = program
    .command('init')
    .summary('write a first configuration from a live cluster')
    .description(
      'write a first configuration: asks a live cluster what it knows, and you for the rest; sets nothing in force',
    )
    .optionsGroup('Kafka:')
    .option('--bootstrap <host:port>', 'one listener of the cluster, or several', several)
    .addOption(
      new Option('--protocol <protocol>', 'what it speaks: PLAINTEXT unless told').choices([
        'PLAINTEXT',
        'SSL',
        'SASL_PLAINTEXT',
        'SASL_SSL',
      ]),
    )
    .option('--ca-file <file>', 'authorities to believe instead of the system’s, PEM')
    .option('--cert-file <file>', 'our certificate, for listeners that ask for one, PEM')
    .option('--key-file <file>', 'its key')
    .option('--sasl-mechanism <name>', 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (the default)')
    .option('--sasl-user <name>', 'whom to log in as')
    .option('--sasl-password-file <file>', 'file with the password')

    .optionsGroup('What Kafka cannot know (asked for on a terminal):')
    .option('--cluster <name>', 'its name: the label `cluster` of your alerts')
    .addOption(new Option('--driver <driver>', 'how its hosts are reached; ssh unless told').choices(['ssh', 'local']))
    .option('--ssh-user <name>', 'account on the hosts')
    .option('--ssh-key <file>', 'private key that it is reached with')
    .option('--ssh-port <port>', '22 unless told')
    .option('--unit <unit>', 'of the brokers; {id} stands for the broker’s id, 3=… is for broker 3 alone', several)
    .addOption(
      new Option('--systemctl <how>', 'how systemctl is run there; sudo unless the account is root').choices([
        'sudo',
        'direct',
        'user',
      ]),
    )
    .option('--mail-to <address>', 'the people on call', several)
    .option('--smtp <host:port>', 'mail server')
    .addOption(new Option('--smtp-security <how>', 'starttls unless told').choices(['starttls', 'tls', 'plain']))
    .option('--smtp-from <address>', 'sender of the mails')
    .option('--smtp-user <name>', 'whom to log in as')
    .option('--smtp-password-file <file>', 'file with the password')
    .option('--smtp-ca-file <file>', 'authorities to believe instead of the system’s, PEM')
    .option('--alertmanager <url>', 'every Alertmanager', several)
    .option('--prometheus <url>', 'Prometheus')
    .option('--jmx-port <port>', 'of the JMX exporter in the brokers; {id} and 3=… as with --unit', several)
    .option('--exporter <host:port>', 'kafka_exporter')
    .option('--exporter-unit <unit>', 'its unit; kafka-exporter.service unless told')
    .option('--blackbox <host:port>', 'blackbox exporter, as Prometheus reaches it; 127.0.0.1:9115 unless told')
    .option('--external-url <url>', 'how Alertmanager and people reach kafka-healing; this host, port 9095 unless told')
    .option('--listen <host:port>', 'where it listens, if that does not follow from --external-url')
    .addOption(
      new Option('--mode <mode>', 'of the rules that are written; inform unless told').choices([
        'inform',
        'approve',
        'act',
      ]),
    )

    .optionsGroup('Files:')
    .option('--dir <folder>', 'where to write', '.')
    .option('--force', 'replace what is there; rules and secrets are kept all the same')
    .option('--dry-run', 'print what would be written')
    .option('--doctor', 'look at everything that was written down, as `doctor` does')
    .option('--no-input', 'ask nobody, also on a terminal')
    .option('--json', 'for programs')
    .action(async (options: InitOptions) => (await import('../init.ts')).init(options))
  addHelpEnd(command, {
    examples: [
      ['init --bootstrap kafka-1:9092', 'on a terminal: asks for what Kafka cannot know'],
      [
        'init --bootstrap kafka-1:9092 --cluster orders --unit kafka.service --ssh-user healer --ssh-key secrets/healer_ed25519 --mail-to oncall@example.org --dry-run',
        'by a program: prints what would be written',
      ],
      [
        'init --bootstrap kafka-1:9094 --protocol SASL_SSL --ca-file ca.pem --sasl-user kafka-healing --sasl-password-file secrets/kafka-password',
        'a cluster that wants TLS and a login',
      ],
    ],
    exitCodes: {
      1: 'nothing was written: Kafka could not be asked, or a file not be written; with --doctor: a check failed',
      2: 'nothing was written: wrong or missing options, or files that are there already',
      3: 'written, and something must be filled in before the service can start',
    },
  })
}
