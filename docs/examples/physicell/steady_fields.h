// Steady fields for PhysiCell: its diffusion step, replaced by the exact solver of diffkeras.
//
// Copy this file and steady_fields.py into custom_modules/ of a project, include it in main.cpp
// after custom.h, and call it once, after setup_tissue():
//
//     #include "./custom_modules/steady_fields.h"
//     diffkeras::use_steady_fields( "python3 custom_modules/steady_fields.py" );
//
// Linux and macOS; C++11; written for PhysiCell 1.14.2. docs/coming_from.md of diffkeras has the
// limits.

#ifndef DIFFKERAS_STEADY_FIELDS_H
#define DIFFKERAS_STEADY_FIELDS_H

#include <csignal>
#include <cstdio>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "../core/PhysiCell.h"

namespace diffkeras {

typedef std::vector<double> Numbers;  // one for each voxel, in PhysiCell's order

// The program that solves, at the other end of two pipes. It ends with PhysiCell.
class Solver {
public:
    explicit Solver(const std::string& command) {
        int there[2], back[2];
        if (pipe(there) || pipe(back))
            throw std::runtime_error("diffkeras: the system has no pipe left");
        child = fork();
        if (child < 0)
            throw std::runtime_error("diffkeras: can't start " + command);
        if (child == 0) {
            dup2(there[0], STDIN_FILENO);
            dup2(back[1], STDOUT_FILENO);
            for (int end : {there[0], there[1], back[0], back[1]})
                close(end);
            execl("/bin/sh", "sh", "-c", command.c_str(), (char*)nullptr);
            _exit(127);
        }
        close(there[0]);
        close(back[1]);
        std::signal(SIGPIPE, SIG_IGN);  // a program that has ended is an error of `solve`
        requests = fdopen(there[1], "wb");
        answers = fdopen(back[0], "rb");
    }

    ~Solver() {
        std::fclose(requests);
        std::fclose(answers);
        waitpid(child, nullptr, 0);
    }

    // The field of one substrate.
    Numbers solve(const std::string& head, const std::vector<Numbers>& maps) {
        std::fputs((head + "\n").c_str(), requests);
        for (const Numbers& map : maps)
            std::fwrite(map.data(), sizeof(double), map.size(), requests);
        std::fflush(requests);
        std::string answer = line();
        Numbers field(maps[0].size());
        if (answer != "ok" ||
            std::fread(field.data(), sizeof(double), field.size(), answers) != field.size())
            throw std::runtime_error(
                "diffkeras: " + (answer.empty() ? "the program that solves has ended" : answer));
        return field;
    }

private:
    pid_t child;
    std::FILE *requests, *answers;

    std::string line() {
        std::string text;
        for (int c = std::fgetc(answers); c != EOF && c != '\n'; c = std::fgetc(answers))
            text += char(c);
        return text;
    }
};

// What a cell does to the density of its voxel, per minute: u' = made - taken u + exported.
struct Exchange {
    double made, taken, exported;

    Exchange(PhysiCell::Cell* cell, int substrate, double voxel_volume) {
        const PhysiCell::Secretion& secretion = cell->phenotype.secretion;
        double weight = cell->BioFVM::Basic_Agent::get_total_volume() / voxel_volume;
        double rate = weight * secretion.secretion_rates[substrate];
        made = rate * secretion.saturation_densities[substrate];
        taken = rate + weight * secretion.uptake_rates[substrate];
        exported = secretion.net_export_rates[substrate] / voxel_volume;
    }
};

class SteadyFields {
public:
    SteadyFields(const std::string& command, double every, double tolerance,
                 const std::vector<std::string>& names, BioFVM::Microenvironment& M)
        : solver(command), every(every), tolerance(tolerance),
          previous(names.empty() ? nullptr : M.diffusion_decay_solver) {
        for (const std::string& name : names.empty() ? M.density_names : names) {
            substrates.push_back(M.find_density_index(name));
            if (substrates.back() < 0)
                throw std::runtime_error("diffkeras: there is no substrate " + name);
        }
        if (M.mesh.dx != M.mesh.dy || (planes(M) > 1 && M.mesh.dx != M.mesh.dz))
            throw std::runtime_error("diffkeras: voxels must be cubes");
        fields.resize(substrates.size());
    }

    // One step of diffusion. Cells exchange with their voxels after it, so the densities become
    // those from which PhysiCell's implicit exchange leads to the steady field.
    void step(BioFVM::Microenvironment& M, double dt) {
        if (previous)
            previous(M, dt);
        bool due = time > next - 0.5 * dt;
        time += dt;
        next += due ? every : 0.0;
        for (unsigned int k = 0; k < substrates.size(); k++) {
            if (due)
                fields[k] = solved(M, substrates[k]);
            for (unsigned int n = 0; n < fields[k].size(); n++)
                M(n)[substrates[k]] = fields[k][n];
        }
        std::vector<PhysiCell::Cell*>& cells = *PhysiCell::all_cells;
        for (auto cell = cells.rbegin(); cell != cells.rend(); ++cell)
            if (exchanges(*cell))
                for (int substrate : substrates)
                    take_back(M, *cell, substrate, dt);
    }

private:
    Solver solver;
    double every, tolerance, time = 0.0, next = 0.0;
    void (*previous)(BioFVM::Microenvironment&, double);
    std::vector<int> substrates;
    std::vector<Numbers> fields;

    static size_t planes(BioFVM::Microenvironment& M) { return M.mesh.z_coordinates.size(); }

    static bool exchanges(PhysiCell::Cell* cell) {
        return cell->is_active && !cell->is_out_of_domain;
    }

    static void take_back(BioFVM::Microenvironment& M, PhysiCell::Cell* cell, int substrate,
                          double dt) {
        int n = cell->get_current_voxel_index();
        Exchange of(cell, substrate, M.mesh.voxels[n].volume);
        double& density = M(n)[substrate];
        density = (density - dt * of.exported) * (1.0 + dt * of.taken) - dt * of.made;
    }

    Numbers solved(BioFVM::Microenvironment& M, int substrate) {
        size_t number = M.mesh.voxels.size();
        Numbers held(number), fixed(number), production(number), uptake(number);
        for (size_t n = 0; n < number; n++)
            if (M.mesh.voxels[n].is_Dirichlet &&
                M.get_substrate_dirichlet_activation(substrate, n)) {
                fixed[n] = 1.0;
                held[n] = M.get_substrate_dirichlet_value(substrate, n);
            }
        for (PhysiCell::Cell* cell : *PhysiCell::all_cells)
            if (exchanges(cell)) {
                int n = cell->get_current_voxel_index();
                Exchange of(cell, substrate, M.mesh.voxels[n].volume);
                production[n] += of.made + of.exported;
                uptake[n] += of.taken;
            }
        std::ostringstream head;
        head.precision(17);
        head << planes(M) << " " << M.mesh.y_coordinates.size() << " "
             << M.mesh.x_coordinates.size() << " " << M.diffusion_coefficients[substrate] << " "
             << M.decay_rates[substrate] << " " << M.mesh.dx << " " << tolerance << " "
             << M.density_names[substrate];
        return solver.solve(head.str(), {held, fixed, production, uptake});
    }
};

inline std::unique_ptr<SteadyFields>& steady_fields() {
    static std::unique_ptr<SteadyFields> only;
    return only;
}

inline void steady_step(BioFVM::Microenvironment& M, double dt) { steady_fields()->step(M, dt); }

// Let all substrates be steady from now on, or those of the names; the others keep their solver.
//   command    starts the program that solves, in PhysiCell's working directory
//   every      after so long fields are found anew [min]
//   tolerance  of each field, proven, relative to its largest value
inline void use_steady_fields(const std::string& command, double every = 1.0,
                              double tolerance = 1e-4,
                              const std::vector<std::string>& names = {},
                              BioFVM::Microenvironment& M = BioFVM::microenvironment) {
    steady_fields().reset(new SteadyFields(command, every, tolerance, names, M));
    M.diffusion_decay_solver = steady_step;
}

}  // namespace diffkeras

#endif
