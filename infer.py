"""Drive a 3D face with a recorded performance.

Without arguments the built-in avatar performs the built-in clip. Examples:

    python infer.py
    python infer.py --driving_path me.mp4
    python infer.py --source_path head.obj --driving_path me.mp4 --calc_weights
    python infer.py --source_path portrait.jpg --driving_path me.mp4 --head_pose rotation
"""

from vfa.commands.infer import main

if __name__ == "__main__":
    main()
