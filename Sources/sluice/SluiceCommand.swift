internal import ArgumentParser
internal import Configuration
internal import Glibc
internal import Reactor
internal import Server

/// The command line. It chooses what to do and never how: settings are environment variables.
@main
struct SluiceCommand: ParsableCommand {
  /// What to do instead of running.
  enum Mode: String, EnumerableFlag {
    case check, printConfig, help

    static func name(for mode: Mode) -> NameSpecification { mode == .help ? [.long, .short] : .long }
  }

  // No help of argument-parser's own: it would fold the table of variables to the terminal's width.
  static let configuration = CommandConfiguration(
    commandName: "sluice", version: "sluice \(Version.text)", helpNames: [])

  /// Asks a running Sluice instead of being one.
  enum Question: String, ExpressibleByArgument { case healthcheck }

  @Flag(exclusivity: .exclusive) var mode: Mode?

  @Argument var question: Question?

  static func main() { Glibc.exit(perform(Array(CommandLine.arguments.dropFirst()))) }

  /// Returns the exit code.
  private static func perform(_ arguments: [String]) -> Int32 {
    let command: SluiceCommand
    do {
      command = try parse(arguments)
    } catch {
      // Asking for the version is such an error, too.
      guard exitCode(for: error) != .success else {
        print(fullMessage(for: error))
        return Server.ExitCode.clean
      }
      return refuse([
        message(for: error),
        "settings are environment variables, such as SLUICE_UPSTREAMS=127.0.0.1:3000; see sluice --help",
      ])
    }
    if command.mode == .help {
      print(HelpText.text)
      return Server.ExitCode.clean
    }
    return command.start(in: Environment.ofProcess(), cores: EventLoop.coreCount)
  }

  private func start(in process: Environment, cores: Int) -> Int32 {
    let (environment, unread) = process.readingSecretFiles(SmallFile.text)
    let settings: Settings
    do throws(SettingsErrors) {
      settings = try Settings(environment: environment, cores: cores)
    } catch {
      return SluiceCommand.refuse((unread + error.errors).map(\.description))
    }
    guard unread.isEmpty else { return SluiceCommand.refuse(unread.map(\.description)) }
    if question == .healthcheck { return HealthQuestion.ask(settings) }
    switch mode {
    case nil:
      // Destinations of jobs have names by the thousand; upstreams have few.
      if settings.takesJobs { EventLoop.widenResolver() }
      return Server.run(settings)
    case .check:
      print("configuration is valid\n\(settings.summary)")
      return Server.ExitCode.clean
    case .printConfig:
      print(SettingsListing.text(environment: environment, cores: cores), terminator: "")
      return Server.ExitCode.clean
    case .help: preconditionFailure("answered before the environment was looked at")
    }
  }

  private static func refuse(_ lines: [String]) -> Int32 {
    BlockingFile.standardError.write(Array(lines.map { "sluice: \($0)\n" }.joined().utf8).span)
    return Server.ExitCode.configuration
  }
}
