// lab/: experiments with traces.
export { Densifier } from './densifier.ts';
export { futureOf, Simulation, type SimulationCounts, type SimulationOptions, simulate } from './simulate.ts';
